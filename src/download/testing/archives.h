// Archives for tests.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace riffle {

/// A .tar.gz of (name, content). A name that ends in / is a folder; content "->TARGET" makes a symbolic link,
/// "=>TARGET" a hard one, and "|" a pipe. `permissions` are those of every entry.
inline void WriteTarGz(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& files,
                       unsigned permissions = 0644) {
  archive* const writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_pax_restricted(writer);
  archive_write_open_filename(writer, path.c_str());
  for (const auto& [name, content] : files) {
    const bool is_link = content.starts_with("->"), is_hard_link = content.starts_with("=>"), is_pipe = content == "|";
    const bool has_content = !is_link && !is_hard_link && !is_pipe;
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_perm(entry, permissions);
    archive_entry_set_filetype(entry, is_link               ? AE_IFLNK
                                      : is_pipe             ? AE_IFIFO
                                      : name.ends_with('/') ? AE_IFDIR
                                                            : AE_IFREG);
    if (is_link) archive_entry_set_symlink(entry, content.c_str() + 2);
    if (is_hard_link) archive_entry_set_hardlink(entry, content.c_str() + 2);
    archive_entry_set_size(entry, has_content ? static_cast<int64_t>(content.size()) : 0);
    archive_write_header(writer, entry);
    if (has_content) archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
}

}  // namespace riffle
