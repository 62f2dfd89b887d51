/*
 * Loaded into the program under trial: writes down what it writes and syncs below one folder, in order, and can pretend
 * that the disk is full.
 *
 * DISK_ROOT     only files below this folder count, and of these none that ends in -shm (it is rebuilt at every start)
 * DISK_JOURNAL  where it is written down; must lie elsewhere
 * DISK_FULL_AT  the number of the write at which the disk becomes full
 * DISK_ROOM     a file whose existence means that there is room again; once it was full there is one more with .full at its end
 *
 * A record: op (1 byte), length of the path (4), two numbers (8 each), length of the data (8), path, data. A write is
 * written down before it is made, a sync after it has succeeded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A child of fork has one thread, and may inherit the lock from one that is not there any more. */
static void unlock_child(void) { pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER; lock = fresh; }

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, unlock_child); }
static char *paths[FDS_MAX];
static int journal = -1;
static const char *root, *room;
static long full_at, writes;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("DISK_JOURNAL"), *full = getenv("DISK_FULL_AT");
    root = getenv("DISK_ROOT");
    room = getenv("DISK_ROOM");
    full_at = full ? atol(full) : 0;
    if (file && root) journal = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int counts(const char *path) {
    size_t length = strlen(path);
    if (!root || strncmp(path, root, strlen(root)) != 0) return 0;
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static void note(char op, const char *path, uint64_t a, uint64_t b, const void *data, uint64_t length) {
    uint32_t path_length = strlen(path);
    char head[29];
    if (journal < 0) return;
    head[0] = op;
    memcpy(head + 1, &path_length, 4);
    memcpy(head + 5, &a, 8);
    memcpy(head + 13, &b, 8);
    memcpy(head + 21, &length, 8);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, path_length}, {(void *)data, length}};
    if (REAL(writev)(journal, parts, 3) < 0) abort();
}

/* Whether there is no room for this write. Called with the lock held. */
static int is_full(void) {
    char mark[4096];
    if (!full_at || ++writes < full_at || !room || access(room, F_OK) == 0) return 0;
    snprintf(mark, sizeof mark, "%s.full", room);
    int fd = REAL(open)(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) REAL(close)(fd);
    return 1;
}

static const char *path_of(int fd) { return fd >= 0 && fd < FDS_MAX ? paths[fd] : NULL; }

static int opened(int fd, const char *path, int flags, int was_there) {
    char *whole = fd < 0 || fd >= FDS_MAX ? NULL : realpath(path, NULL);
    if (!whole) return fd;
    free(paths[fd]);
    paths[fd] = counts(whole) ? whole : NULL;
    if (!paths[fd]) free(whole);
    else if ((flags & O_CREAT) && !was_there) note('C', whole, 0, 0, NULL, 0);
    else if (flags & O_TRUNC) note('T', whole, 0, 0, NULL, 0);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

/* Whether a file is made is only certain while nobody renames: a draft of the same name may be moved away in between.
 * Opening without O_CREAT makes nothing, and may wait for another process (a FIFO), so it is not done with the lock held. */
#define OPEN(call) \
    MODE(flags) \
    int creates = flags & O_CREAT, fd = -1; \
    if (!creates) fd = call; \
    pthread_mutex_lock(&lock); \
    int was_there = access(path, F_OK) == 0; \
    if (creates) fd = call; \
    int error = errno; \
    fd = opened(fd, path, flags, was_there); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return fd;

int open(const char *path, int flags, ...) { OPEN(REAL(open)(path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPEN(REAL(open64)(path, flags, mode)) }
int close(int fd) {
    pthread_mutex_lock(&lock);
    if (path_of(fd)) { free(paths[fd]); paths[fd] = NULL; }
    pthread_mutex_unlock(&lock);
    return REAL(close)(fd);
}

#define WRITE(at, call) \
    pthread_mutex_lock(&lock); \
    const char *path = path_of(fd); \
    if (path) { \
        if (is_full()) { pthread_mutex_unlock(&lock); errno = ENOSPC; return -1; } \
        note('W', path, (uint64_t)(at), 0, data, length); \
    } \
    ssize_t done = call; \
    pthread_mutex_unlock(&lock); \
    if (path && done >= 0 && (size_t)done != length) abort(); \
    return done;

ssize_t write(int fd, const void *data, size_t length) { WRITE(lseek(fd, 0, SEEK_CUR), REAL(write)(fd, data, length)) }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { WRITE(at, REAL(pwrite)(fd, data, length, at)) }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { WRITE(at, REAL(pwrite64)(fd, data, length, at)) }

#define TRUNCATE(call) \
    pthread_mutex_lock(&lock); \
    const char *path = path_of(fd); \
    if (path) note('T', path, (uint64_t)size, 0, NULL, 0); \
    int done = call; \
    pthread_mutex_unlock(&lock); \
    return done;

int ftruncate(int fd, off_t size) { TRUNCATE(REAL(ftruncate)(fd, size)) }
int ftruncate64(int fd, off64_t size) { TRUNCATE(REAL(ftruncate64)(fd, size)) }

/* The writes of other threads wait: what is synced is exactly what was written down before. */
#define SYNC(call) \
    pthread_mutex_lock(&lock); \
    const char *path = path_of(fd); \
    if (path && full_at && writes >= full_at && room && access(room, F_OK) != 0) { \
        pthread_mutex_unlock(&lock); errno = ENOSPC; return -1; \
    } \
    int done = call; \
    if (path && done == 0) note('S', path, 0, 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return done;

int fsync(int fd) { SYNC(REAL(fsync)(fd)) }
int fdatasync(int fd) { SYNC(REAL(fdatasync)(fd)) }

static void named(char op, const char *from, const char *to) {
    char *folder = to ? strdup(to) : NULL, *whole = NULL, *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) { *slash = 0; whole = realpath(folder, NULL); }
    if (op == 'U') { if (counts(from)) note('U', from, 0, 0, NULL, 0); }
    else if (whole && counts(from)) {
        char *target;
        if (asprintf(&target, "%s/%s", whole, slash + 1) > 0) {
            note(op, from, 0, 0, target, strlen(target));
            free(target);
        }
    }
    free(folder);
    free(whole);
}

#define NAMED(op, from, to, call) \
    pthread_mutex_lock(&lock); \
    char *source = realpath(from, NULL); \
    int done = call; \
    if (done == 0 && source) named(op, source, to); \
    free(source); \
    pthread_mutex_unlock(&lock); \
    return done;

int unlink(const char *path) { NAMED('U', path, NULL, REAL(unlink)(path)) }
int rename(const char *from, const char *to) { NAMED('R', from, to, REAL(rename)(from, to)) }
int link(const char *from, const char *to) { NAMED('L', from, to, REAL(link)(from, to)) }
int linkat(int a, const char *from, int b, const char *to, int flags) { NAMED('L', from, to, REAL(linkat)(a, from, b, to, flags)) }
