/* The machine under the unmodified daemon: its wall clock, whether the network has set it, its battery
   clock and its boot, as a test wants them. Loaded by LD_PRELOAD; CLOCKWORK names the test's file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { NONE, FULL, EMPTY }; /* battery: a Pi 5 has a clock also without one, which then begins in 1970 */
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

static int says(const char *text) {
    int pipes[2];
    if (pipe(pipes)) return -1;
    if (write(pipes[1], text, strlen(text)) < 0) return -1;
    close(pipes[1]);
    return pipes[0];
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    if (!strcmp(path, "/proc/sys/kernel/random/boot_id")) return says((char *)told()->boot);
    if (strcmp(path, "/sys/class/rtc/rtc0/since_epoch"))
        return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64"))(path, flags, mode);
    if (told()->battery == NONE) { errno = ENOENT; return -1; }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char text[24];
    snprintf(text, sizeof text, "%lld\n", told()->battery == EMPTY ? 20LL : (long long)now.tv_sec);
    return says(text);
}
