/* SPDX-License-Identifier: Apache-2.0 */
/* measure: runs a command on given processors and says what it took.
 *
 *   measure RESULT PROCESSOR[,PROCESSOR] COMMAND [ARGUMENT...]
 *
 * Writes one JSON object into the file RESULT: wall, user and system seconds, peak resident memory in bytes, exit
 * status (128 + signal when killed). A program of its own because peak memory is inherited through exec: measured from
 * Python, nothing would seem smaller than Python. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_BYTES ((size_t)1 << 30) /* more than any program here takes but argus */

static int die(const char *what)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    return 127;
}

/* The host of a virtual machine takes back memory that lies free for some seconds, and giving it again costs up to a
 * second a GiB: that would be measured, and not the program. So it is had before, touched, and left to be taken at
 * once. */
static void warm(void)
{
    char *memory = mmap(NULL, WARM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    (void)madvise(memory, WARM_BYTES, MADV_HUGEPAGE);
    for (size_t at = 0; at < WARM_BYTES; at += 4096)
        memory[at] = 1;
    munmap(memory, WARM_BYTES);
}

static double seconds(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static bool processors_parse(const char *list, cpu_set_t *ret_processors)
{
    CPU_ZERO(ret_processors);
    for (const char *next = list;;) {
        char *end;
        unsigned long number = strtoul(next, &end, 10);
        if (end == next || (*end != ',' && *end != '\0') || number >= CPU_SETSIZE)
            return false;
        CPU_SET(number, ret_processors);
        if (*end == '\0')
            return true;
        next = end + 1;
    }
}

int main(int argc, char **argv)
{
    cpu_set_t processors;
    if (argc < 4 || !processors_parse(argv[2], &processors)) {
        fprintf(stderr, "usage: measure RESULT PROCESSOR[,PROCESSOR] COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (sched_setaffinity(0, sizeof processors, &processors) < 0)
        return die(argv[2]);

    warm();
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the benchmark is broken off */
        execvp(argv[3], argv + 3);
        _exit(die(argv[3]));
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        return die(argv[3]);
    clock_gettime(CLOCK_MONOTONIC, &end);

    FILE *file = fopen(argv[1], "w");
    if (!file)
        return die(argv[1]);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(file, "{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"rss\": %ld, \"status\": %d}\n",
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9, seconds(usage.ru_utime),
            seconds(usage.ru_stime), usage.ru_maxrss * 1024, code);
    return fclose(file) == 0 ? code : die(argv[1]);
}
