/* Lets a program live in a time of its own: a library to preload. Its clocks begin where FAST_CLOCK says and run so many times as
 * fast, and what it waits for in seconds of its own comes as much sooner. Programs with the same FAST_CLOCK have the same time.
 *
 * FAST_CLOCK is three numbers: the machine's monotonic clock at which that time begins, nanoseconds; the wall clock that it begins
 * with, nanoseconds since the Unix epoch, UTC; and the speed.
 *
 * Rust's standard library, tokio and mio read clocks by clock_gettime and wait by epoll_wait, nanosleep and the system call futex;
 * what waits in another way, such as pthread_cond_timedwait, waits in the machine's time. */

#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef long long ns;
static const ns SECOND = 1000000000;
static ns origin, start;
static double speed = 0;

/* A system call without the C library, whose function of that name is below. */
static long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "only for x86-64 and aarch64"
#endif
}

#include <errno.h>

static long checked(long result) {
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static ns machine(clockid_t clock) {
    struct timespec at;
    call(SYS_clock_gettime, clock, (long)&at, 0, 0, 0, 0);
    return at.tv_sec * SECOND + at.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAST_CLOCK");
    if (text == NULL || sscanf(text, "%lld %lld %lf", &origin, &start, &speed) != 3 || speed <= 0) {
        fprintf(stderr, "FAST_CLOCK is not three numbers\n");
        _exit(97);
    }
}

/* The program's time on a clock; a clock of processor time is the machine's. */
static ns own(clockid_t clock) {
    if (speed == 0) begin();
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return start + (ns)((double)(machine(CLOCK_MONOTONIC) - origin) * speed);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return origin + (ns)((double)(machine(CLOCK_MONOTONIC) - origin) * speed);
    default:
        return machine(clock);
    }
}

/* How long the machine waits while the program waits so long. */
static ns shorter(ns wait) { return wait <= 0 ? wait : (ns)((double)wait / speed); }

static struct timespec as_timespec(ns at) {
    struct timespec given = {at / SECOND, at % SECOND};
    return given;
}

static ns of(const struct timespec *at) { return at->tv_sec * SECOND + at->tv_nsec; }

int clock_gettime(clockid_t clock, struct timespec *at) {
    *at = as_timespec(own(clock));
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    ns now = own(CLOCK_REALTIME);
    at->tv_sec = now / SECOND;
    at->tv_usec = now % SECOND / 1000;
    return 0;
}

time_t time(time_t *at) {
    time_t now = own(CLOCK_REALTIME) / SECOND;
    if (at != NULL) *at = now;
    return now;
}

/* Milliseconds, rounded up, so that nobody wakes before it is time and asks again and again. */
static int fewer(int ms) {
    if (ms <= 0) return ms;
    int less = (int)((double)ms / speed);
    return less * speed < ms ? less + 1 : less;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms) {
    return (int)checked(call(SYS_epoll_pwait, epoll, (long)events, most, fewer(ms), 0, 8));
}

int poll(struct pollfd *files, nfds_t count, int ms) {
    struct timespec wait = as_timespec(shorter((ns)ms * 1000000));
    return (int)checked(call(SYS_ppoll, (long)files, (long)count, ms < 0 ? 0 : (long)&wait, 0, 8, 0));
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *left) {
    ns wait = of(wanted) - (flags & TIMER_ABSTIME ? own(clock) : 0);
    struct timespec given = as_timespec(wait > 0 ? shorter(wait) : 0), rest = {0, 0};
    long result = call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&given, (long)&rest, 0, 0);
    if (left != NULL) *left = as_timespec((ns)((double)of(&rest) * speed));
    return (int)-result;
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
    int failed = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
    errno = failed ? failed : errno;
    return failed ? -1 : 0;
}

/* Of all system calls only futex is about time: a wait has a length, or ends at a time. */
long syscall(long number, ...) {
    va_list given;
    long a[6];
    va_start(given, number);
    for (int place = 0; place < 6; place++) a[place] = va_arg(given, long);
    va_end(given);
    struct timespec until;
    if (number == SYS_futex && a[3] != 0) {
        const struct timespec *wanted = (const struct timespec *)a[3];
        long what = a[1] & FUTEX_CMD_MASK;
        if (what == FUTEX_WAIT) {
            until = as_timespec(shorter(of(wanted)));
            a[3] = (long)&until;
        } else if (what == FUTEX_WAIT_BITSET) {
            clockid_t clock = a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
            ns at = machine(clock) + shorter(of(wanted) - own(clock));
            until = as_timespec(at > 0 ? at : 0);
            a[3] = (long)&until;
        }
    }
    return checked(call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
