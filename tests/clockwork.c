/* The machine under the unmodified daemon: its wall clock, whether the network has set it, its battery
   clock and its boot, as a test wants them. Loaded by LD_PRELOAD; CLOCKWORK names the test's file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

struct machine { double ahead; int synced, battery; char boot[40]; };

static volatile struct machine *told(void) {
    static void *machine;
    if (!machine) {
        int file = ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))(getenv("CLOCKWORK"), O_RDONLY);
        machine = mmap(0, sizeof(struct machine), PROT_READ, MAP_SHARED, file, 0);
    }
    return machine;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, time);
    if (id == CLOCK_REALTIME) time->tv_sec += (time_t)told()->ahead;
    return result;
}

int adjtimex(struct timex *buffer) { (void)buffer; return told()->synced ? TIME_OK : TIME_ERROR; }

int stat64(const char *path, struct stat64 *found) {
    int (*real)(const char *, struct stat64 *) = dlsym(RTLD_NEXT, "stat64");
    if (strcmp(path, "/sys/class/rtc/rtc0")) return real(path, found);
    if (told()->battery) return real("/", found);
    errno = ENOENT;
    return -1;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int), pipes[2];
    va_end(more);
    if (strcmp(path, "/proc/sys/kernel/random/boot_id"))
        return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64"))(path, flags, mode);
    if (pipe(pipes)) return -1;
    if (write(pipes[1], (char *)told()->boot, strlen((char *)told()->boot)) < 0) return -1;
    close(pipes[1]);
    return pipes[0];
}
