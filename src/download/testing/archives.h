// Archives for tests.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace riffle {

/// A .tar.gz of (name, content). A name that ends in / is a folder; content "->TARGET" makes a symbolic link.
inline void WriteTarGz(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, std::string>>& files) {
  archive* const writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_pax_restricted(writer);
  archive_write_open_filename(writer, path.c_str());
  for (const auto& [name, content] : files) {
    const bool is_link = content.starts_with("->");
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, is_link ? AE_IFLNK : name.ends_with('/') ? AE_IFDIR : AE_IFREG);
    if (is_link) archive_entry_set_symlink(entry, content.c_str() + 2);
    archive_entry_set_size(entry, is_link ? 0 : static_cast<int64_t>(content.size()));
    archive_write_header(writer, entry);
    if (!is_link) archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
}

}  // namespace riffle
