#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <sstream>
#include <utility>

namespace riffle {
namespace {

bool KnowsNoLocks(int error) { return error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == ENOLCK; }

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// What a process writes into the file that it has locked.
struct Signature {
  int64_t process = 0;
  std::string host;

  std::string Text() const { return fmt::format("{} {}\n", process, host); }
};

/// What stands in the file, up to more bytes than a signature has.
std::string TextOf(int file) {
  std::array<char, 512> bytes{};
  const ssize_t size = pread(file, bytes.data(), bytes.size(), 0);
  return {bytes.data(), size > 0 ? static_cast<size_t>(size) : 0};
}

/// nullopt for any other text.
std::optional<Signature> SignatureIn(const std::string& text) {
  std::istringstream words(text);
  Signature signature;
  words >> signature.process >> signature.host;
  return signature.Text() == text ? std::optional(signature) : std::nullopt;
}

/// Whoever signed in last; a file that was read in between may be empty.
std::string HolderOf(int file) {
  const std::optional<Signature> last = SignatureIn(TextOf(file));
  if (!last) return "another process";
  return fmt::format("process {}{}", last->process, last->host == HostName() ? "" : " on " + last->host);
}

/// Opens or makes the file, which is no link: it would be written to wherever it leads.
Result<Descriptor> OpenOwn(const std::filesystem::path& path) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  struct stat info = {};
  const bool is_link = file.fd < 0 && errno == ELOOP;
  if (file.fd < 0 && !is_link) return IoError("{}: cannot be written: {}", path.string(), std::strerror(errno));
  if (!is_link && fstat(file.fd, &info) == 0 && S_ISREG(info.st_mode)) return file;
  return InvalidArgument("{}: expected a file, which is to be a lock, found {}; remove it", path.string(),
                         is_link ? "a link" : "none");
}

}  // namespace

Result<FileLock> FileLock::Open(const std::filesystem::path& file, bool* taken) {
  RIFFLE_ASSIGN(Descriptor opened, OpenOwn(file));
  FileLock lock(std::move(opened), file);
  *taken = false;
  if (flock(lock.file_.fd, LOCK_EX | LOCK_NB) != 0) {
    *taken = errno == EWOULDBLOCK;
    lock.locks_ = !KnowsNoLocks(errno);
    if (!*taken && lock.locks_) return IoError("{}: cannot be locked: {}", file.string(), std::strerror(errno));
  }
  return lock;
}

Result<FileLock> FileLock::Wait(const std::filesystem::path& file, const std::function<void()>& on_wait) {
  for (bool has_waited = false;;) {
    bool taken = false;
    RIFFLE_ASSIGN(FileLock lock, Open(file, &taken));
    if (taken && !std::exchange(has_waited, true)) on_wait();
    int result = 0;
    do {
      result = taken ? flock(lock.file_.fd, LOCK_EX) : 0;
    } while (result != 0 && errno == EINTR);
    if (result != 0) return IoError("{}: cannot be locked: {}", file.string(), std::strerror(errno));
    if (!lock.CheckHeld().ok()) continue;  // who had it took the file away: that lock keeps nobody out
    lock.SignIn();
    return lock;
  }
}

Result<FileLock> FileLock::TakeAtOnce(const std::filesystem::path& file,
                                      const std::function<Status(const std::string& holder)>& in_use) {
  for (;;) {
    bool taken = false;
    RIFFLE_ASSIGN(FileLock lock, Open(file, &taken));
    if (taken) return in_use(HolderOf(lock.file_.fd));
    if (!lock.CheckHeld().ok()) continue;
    lock.SignIn();
    return lock;
  }
}

void FileLock::RemoveFile() const {
  if (SignatureIn(TextOf(file_.fd)) && CheckHeld().ok()) unlink(path_.c_str());
}

void FileLock::SignIn() const {
  // What someone else wrote under this name stays as it is.
  if (const std::string before = TextOf(file_.fd); !before.empty() && !SignatureIn(before)) return;
  const std::string text = Signature{getpid(), HostName()}.Text();
  // The name serves a message only: a full disk is no reason not to go on.
  if (ftruncate(file_.fd, 0) == 0 && pwrite(file_.fd, text.data(), text.size(), 0) < 0) return;
}

Status FileLock::CheckHeld() const {
  struct stat held = {}, found = {};
  if (fstat(file_.fd, &held) == 0 && stat(path_.c_str(), &found) == 0 && held.st_dev == found.st_dev &&
      held.st_ino == found.st_ino)
    return {};
  return IoError("{}: was removed or replaced", path_.string());
}

}  // namespace riffle
