/* SPDX-License-Identifier: Apache-2.0 */
/* A wall clock that is wrong: preloaded into a program, it adds to CLOCK_REALTIME so many nanoseconds as the file
 * $PAVO_WRONG_CLOCK has in its first eight bytes, as of each call. The monotonic clock stays as it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll

static const volatile int64_t *wrong_by;

__attribute__((constructor)) static void wrong_clock_open(void)
{
    const char *path = getenv("PAVO_WRONG_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*wrong_by), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map != MAP_FAILED)
        wrong_by = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int status = (int)syscall(SYS_clock_gettime, clock, ret);
    if (status == 0 && wrong_by != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = ret->tv_sec * NS_PER_S + ret->tv_nsec + *wrong_by;
        ret->tv_sec = ns / NS_PER_S;
        ret->tv_nsec = ns % NS_PER_S;
    }
    return status;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    ret->tv_sec = now.tv_sec;
    ret->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}
