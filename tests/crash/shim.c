/* Preloaded into slipway-run: sees every call that changes the files below a folder, counts them,
 * and on demand ends the process at one, lets one fail, or writes a log of them all from which
 * disk.py rebuilds what a power cut leaves.
 *
 *   SLIPWAY_SHIM_ROOT   the folder, absolute; without it the shim does nothing
 *   SLIPWAY_SHIM_SLOW   microseconds that each such call takes longer
 *   SLIPWAY_SHIM_COUNT  file that always holds the number of calls seen so far
 *   SLIPWAY_SHIM_AT     the number of the call, from 1, at which something happens
 *   SLIPWAY_SHIM_HOW    kill (before the call), tear (half of a write, then kill), or an errno's
 * number; "28+": this call and all after it SLIPWAY_SHIM_LOG    file for the log: a line "VERB
 * INODE NUMBER LENGTH LENGTH2\n" and that many bytes, twice (a path, or what was written) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char* root;
static size_t root_size;
static int count_file = -1, log_file = -1, fault, sticky, tear;
static uint64_t seen, target;
static useconds_t slow;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char* folder = getenv("SLIPWAY_SHIM_ROOT");
  char program[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  if (folder == NULL || n <= 0) return;
  program[n] = '\0';
  if (strstr(program, "slipway-run") == NULL) return;
  const char *count = getenv("SLIPWAY_SHIM_COUNT"), *log = getenv("SLIPWAY_SHIM_LOG"),
             *at = getenv("SLIPWAY_SHIM_AT"), *how = getenv("SLIPWAY_SHIM_HOW"),
             *slower = getenv("SLIPWAY_SHIM_SLOW");
  if (count != NULL) count_file = REAL(open)(count, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log != NULL) log_file = REAL(open)(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (slower != NULL) slow = (useconds_t)strtoul(slower, NULL, 10);
  if (at != NULL) target = strtoull(at, NULL, 10);
  if (how != NULL && strcmp(how, "kill") != 0) {
    tear = strcmp(how, "tear") == 0;
    fault = tear ? 0 : atoi(how);
    sticky = strchr(how, '+') != NULL;
  }
  root_size = strlen(folder);
  root = folder;
}

/* The absolute path of what a call names; "" when it lies elsewhere. */
static int below(const char* path) {
  return root != NULL && strncmp(path, root, root_size) == 0 &&
         (path[root_size] == '/' || path[root_size] == '\0');
}

static const char* path_of(int fd, char* out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, out, PATH_MAX - 1);
  out[n > 0 ? n : 0] = '\0';
  return out;
}

static const char* absolute(int folder, const char* path, char* out) {
  if (path[0] == '/') {
    snprintf(out, PATH_MAX, "%s", path);
  } else {
    char base[PATH_MAX];
    if (folder != AT_FDCWD) path_of(folder, base);
    else if (getcwd(base, sizeof base) == NULL) base[0] = '\0';
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
  }
  for (size_t n = strlen(out); n > 1 && out[n - 1] == '/';) out[--n] = '\0';
  return out;
}

/* Counts the call; the errno with which it is to fail, 0 = go on, -1 = write half of it and die.
 * Holds the lock until passed(). */
static int arrives(void) {
  pthread_mutex_lock(&lock);
  if (slow > 0) usleep(slow);
  ++seen;
  if (count_file >= 0) {
    char text[32];
    const int n = snprintf(text, sizeof text, "%-20llu\n", (unsigned long long)seen);
    (void)!REAL(pwrite)(count_file, text, (size_t)n, 0);
  }
  if (target == 0 || (sticky ? seen < target : seen != target)) return 0;
  if (fault == 0 && !tear) kill(getpid(), SIGKILL);
  return fault != 0 ? fault : -1;
}

static void passed(void) { pthread_mutex_unlock(&lock); }

static void note(const char* verb, uint64_t inode, uint64_t number, const void* bytes, size_t size,
                 const void* more, size_t more_size) {
  if (log_file < 0) return;
  char head[128];
  const int n = snprintf(head, sizeof head, "%s %llu %llu %zu %zu\n", verb,
                         (unsigned long long)inode, (unsigned long long)number, size, more_size);
  struct iovec parts[3] = {{head, (size_t)n}, {(void*)bytes, size}, {(void*)more, more_size}};
  size_t left = (size_t)n + size + more_size;
  for (int i = 0; i < 3; ++i)
    for (size_t done = 0; done < parts[i].iov_len;) {
      const ssize_t wrote =
          REAL(write)(log_file, (const char*)parts[i].iov_base + done, parts[i].iov_len - done);
      if (wrote <= 0) abort();
      done += (size_t)wrote, left -= (size_t)wrote;
    }
}

static uint64_t inode_of(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int open_any(int folder, const char* path, int flags, mode_t mode) {
  char full[PATH_MAX];
  if (root == NULL || (flags & (O_CREAT | O_TRUNC)) == 0 || (flags & O_TMPFILE) == O_TMPFILE ||
      !below(absolute(folder, path, full)))
    return REAL(openat)(folder, path, flags, mode);
  const int wrong = arrives();
  if (wrong != 0) {
    if (wrong < 0) kill(getpid(), SIGKILL);
    passed();
    return errno = wrong, -1;
  }
  struct stat before;
  const int there = stat(full, &before) == 0;
  const int fd = REAL(openat)(folder, path, flags, mode);
  if (fd >= 0 && !there) note("create", inode_of(fd), 0, full, strlen(full), "", 0);
  else if (fd >= 0 && (flags & O_TRUNC) != 0) note("truncate", inode_of(fd), 0, "", 0, "", 0);
  const int kept = errno;
  passed();
  return errno = kept, fd;
}

#define MODE(flags)                                                     \
  mode_t mode = 0;                                                      \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list more;                                                       \
    va_start(more, flags);                                              \
    mode = va_arg(more, mode_t);                                        \
    va_end(more);                                                       \
  }
int open(const char* path, int flags, ...) {
  MODE(flags) return open_any(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MODE(flags) return open_any(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  MODE(flags) return open_any(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
  MODE(flags) return open_any(folder, path, flags | O_LARGEFILE, mode);
}
int creat(const char* path, mode_t mode) {
  return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

static int ours(int fd) {
  char path[PATH_MAX];
  return root != NULL && fd > 2 && fd != log_file && fd != count_file && below(path_of(fd, path));
}

static ssize_t write_any(int fd, const void* bytes, size_t size, off_t at, int placed) {
  if (!ours(fd)) return placed ? REAL(pwrite)(fd, bytes, size, at) : REAL(write)(fd, bytes, size);
  const int wrong = arrives();
  if (wrong > 0) {
    passed();
    return errno = wrong, -1;
  }
  if (wrong < 0) size /= 2;
  struct stat info;
  fstat(fd, &info);
  const off_t begin = placed                                 ? at
                      : (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? info.st_size
                                                             : lseek(fd, 0, SEEK_CUR);
  const ssize_t done = placed ? REAL(pwrite)(fd, bytes, size, at) : REAL(write)(fd, bytes, size);
  if (wrong < 0) kill(getpid(), SIGKILL);
  if (done > 0) note("write", info.st_ino, (uint64_t)begin, bytes, (size_t)done, "", 0);
  const int kept = errno;
  passed();
  return errno = kept, done;
}

ssize_t write(int fd, const void* bytes, size_t size) { return write_any(fd, bytes, size, 0, 0); }
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  return write_any(fd, bytes, size, at, 1);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return write_any(fd, bytes, size, at, 1);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (!ours(fd)) return REAL(writev)(fd, parts, count);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    if (parts[i].iov_len == 0) continue;
    const ssize_t done = write_any(fd, parts[i].iov_base, parts[i].iov_len, 0, 0);
    if (done < 0) return all > 0 ? all : -1;
    all += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return all;
}
/* The library falls back to read() and write() where these are not there. */
ssize_t sendfile(int to, int from, off_t* at, size_t size) {
  if (!ours(to)) return REAL(sendfile)(to, from, at, size);
  return errno = EINVAL, -1;
}
ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t size,
                        unsigned flags) {
  if (!ours(to)) return REAL(copy_file_range)(from, from_at, to, to_at, size, flags);
  return errno = EXDEV, -1;
}

/* Calls on a descriptor: what is noted follows when they succeed. */
#define ON_FD(fd, call, what)                           \
  if (!ours(fd)) return call;                           \
  const int wrong = arrives();                          \
  if (wrong < 0) kill(getpid(), SIGKILL);               \
  int result = wrong != 0 ? (errno = wrong, -1) : call; \
  const int kept = errno;                               \
  if (result == 0) what;                                \
  passed();                                             \
  return errno = kept, result;
static void note_sync(int fd) {
  char path[PATH_MAX];
  path_of(fd, path);
  note("sync", inode_of(fd), 0, path, strlen(path), "", 0);
}
// clang-format off
int fsync(int fd) { ON_FD(fd, REAL(fsync)(fd), note_sync(fd)) }
int fdatasync(int fd) { ON_FD(fd, REAL(fdatasync)(fd), note_sync(fd)) }
#define NOTE_SIZE note("truncate", inode_of(fd), (uint64_t)size, "", 0, "", 0)
int ftruncate(int fd, off_t size) { ON_FD(fd, REAL(ftruncate)(fd, size), NOTE_SIZE) }
int ftruncate64(int fd, off64_t size) { ON_FD(fd, REAL(ftruncate)(fd, size), NOTE_SIZE) }
// clang-format on

/* ---- names ---------------------------------------------------------------------------------- */

#define ON_PATH(folder, path, call, what)                                \
  char full[PATH_MAX];                                                   \
  if (root == NULL || !below(absolute(folder, path, full))) return call; \
  const int wrong = arrives();                                           \
  if (wrong < 0) kill(getpid(), SIGKILL);                                \
  int result = wrong != 0 ? (errno = wrong, -1) : call;                  \
  const int kept = errno;                                                \
  if (result == 0) what;                                                 \
  passed();                                                              \
  return errno = kept, result;
#define NOTE_PATH(verb) note(verb, 0, 0, full, strlen(full), "", 0)
static void note_folder(const char* full) {
  struct stat info;
  note("mkdir", stat(full, &info) == 0 ? info.st_ino : 0, 0, full, strlen(full), "", 0);
}
int mkdir(const char* path, mode_t mode) {
  ON_PATH(AT_FDCWD, path, REAL(mkdir)(path, mode), note_folder(full))
}
int mkdirat(int folder, const char* path, mode_t mode) {
  ON_PATH(folder, path, REAL(mkdirat)(folder, path, mode), note_folder(full))
}
int unlink(const char* path) { ON_PATH(AT_FDCWD, path, REAL(unlink)(path), NOTE_PATH("remove")) }
int rmdir(const char* path) { ON_PATH(AT_FDCWD, path, REAL(rmdir)(path), NOTE_PATH("remove")) }
int remove(const char* path) { ON_PATH(AT_FDCWD, path, REAL(remove)(path), NOTE_PATH("remove")) }
int unlinkat(int folder, const char* path, int flags) {
  ON_PATH(folder, path, REAL(unlinkat)(folder, path, flags), NOTE_PATH("remove"))
}
static void note_link(const char* leads_to, const char* full) {
  note("link", 0, 0, full, strlen(full), leads_to, strlen(leads_to));
}
int symlink(const char* leads_to, const char* path) {
  ON_PATH(AT_FDCWD, path, REAL(symlink)(leads_to, path), note_link(leads_to, full))
}

static int rename_any(int from_folder, const char* from, int to_folder, const char* to,
                      unsigned flags) {
  char to_full[PATH_MAX];
  absolute(to_folder, to, to_full);
  ON_PATH(from_folder, from, REAL(renameat2)(from_folder, from, to_folder, to, flags),
          note(flags == RENAME_EXCHANGE ? "exchange" : "rename", 0, 0, full, strlen(full), to_full,
               strlen(to_full)))
}
int rename(const char* from, const char* to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return rename_any(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return rename_any(from_folder, from, to_folder, to, flags);
}
