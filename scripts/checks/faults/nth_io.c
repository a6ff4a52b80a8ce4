/* Lets the n-th change of a folder's files go wrong, whoever makes it: a library to preload.
 *
 * System calls are caught by a seccomp filter rather than by names of the C library, because Rust code makes some of them
 * by itself. The filter sends SIGSYS to the thread that makes one; the handler looks whether it is about a file below
 * NTH_IO_FOLDER, counts, and makes it again with a sixth argument that lets it pass, or does what NTH_IO_KIND says:
 *
 *   EIO, ENOSPC   fails with this, nothing is done       short   half of a write is done, and this is said
 *   done          is done, and fails with EIO            hang    never ends
 *   count         nothing goes wrong
 *
 * Or the folder's file system lacks something, each time, whatever NTH_IO_N is:
 *
 *   no-replace    a rename that must not replace, and a hard link, fail (gcsfuse, rclone)
 *   replaces      such a rename replaces               no-colon      names with a colon are refused (exFAT)
 *   no-folder-sync  a folder cannot be flushed (SMB)   no-locks      files cannot be locked (Lustre)
 *   other-locks   a lock keeps nobody away
 *
 * NTH_IO_N is the number of the one that goes wrong, from 1; of `short`, only writes count. What went wrong, or at the
 * end of a run with `count` each call, is appended to NTH_IO_REPORT, a line each. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#define REG(c, r) ((c)->uc_mcontext.gregs[r])
static const int ARGS[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
#define RESULT(c) REG(c, REG_RAX)
#define ARG(c, i) REG(c, ARGS[i])
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#define RESULT(c) ((c)->uc_mcontext.regs[0])
#define ARG(c, i) ((c)->uc_mcontext.regs[i])
#else
#error "only for x86-64 and aarch64"
#endif

#define PASS 0x6e746869 /* the sixth argument of calls that pass */

/* What a call is about: a descriptor in its first argument, or a path in one of them after its folder's descriptor. */
enum { DESCRIPTOR = -1 };
static const struct {
    long number;
    const char *name;
    int path; /* place of the path; its folder is the argument before, where `at` says so */
    int at;
} CALLS[] = {
    {SYS_write, "write", DESCRIPTOR, 0},
    {SYS_writev, "writev", DESCRIPTOR, 0},
    {SYS_pwrite64, "pwrite", DESCRIPTOR, 0},
    {SYS_fsync, "fsync", DESCRIPTOR, 0},
    {SYS_fdatasync, "fdatasync", DESCRIPTOR, 0},
    {SYS_ftruncate, "ftruncate", DESCRIPTOR, 0},
    {SYS_fchmod, "fchmod", DESCRIPTOR, 0},
    {SYS_openat, "open", 1, 1},
    {SYS_mkdirat, "mkdir", 1, 1},
    {SYS_unlinkat, "unlink", 1, 1},
    {SYS_renameat2, "rename", 1, 1},
    {SYS_linkat, "link", 3, 1},
    {SYS_renameat, "rename", 1, 1},
    {SYS_flock, "flock", DESCRIPTOR, 0},
#ifdef SYS_open
    {SYS_open, "open", 0, 0},
    {SYS_mkdir, "mkdir", 0, 0},
    {SYS_unlink, "unlink", 0, 0},
    {SYS_rmdir, "rmdir", 0, 0},
    {SYS_rename, "rename", 0, 0},
    {SYS_link, "link", 1, 0},
#endif
};
#define CALL_COUNT ((int)(sizeof CALLS / sizeof *CALLS))

static char folder[1024];
static size_t folder_length;
static long wanted;
static int report = -1;
static enum {
    FAIL_EIO, FAIL_ENOSPC, SHORT, DONE, HANG, COUNT,
    NO_REPLACE, REPLACES, NO_COLON, NO_FOLDER_SYNC, NO_LOCKS, OTHER_LOCKS, /* what a file system lacks */
    KINDS
} kind;
static long count; /* of all threads */

static long pass(long number, long a, long b, long c, long d, long e) {
    long result = syscall(number, a, b, c, d, e, (long)PASS);
    return result == -1 ? -errno : result;
}

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

/* The path behind a descriptor. */
static int path_of(long descriptor, char *path, size_t size) {
    char link[40] = "/proc/self/fd/";
    char digits[16];
    int length = 0, at = (int)text_length(link);
    if (descriptor < 0) return 0;
    do digits[length++] = (char)('0' + descriptor % 10); while (descriptor /= 10);
    while (length) link[at++] = digits[--length];
    link[at] = 0;
    long found = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    if (found <= 0) return 0;
    path[found] = 0;
    return 1;
}

static int is_below(const char *path) {
    for (size_t i = 0; i < folder_length; i++)
        if (path[i] != folder[i]) return 0;
    return path[folder_length] == '/' || path[folder_length] == 0;
}

static void say(const char *name, const char *path) {
    char line[1400];
    size_t at = 0;
    for (const char *p = name; *p; p++) line[at++] = *p;
    line[at++] = ' ';
    for (const char *p = path; *p && at < sizeof line - 2; p++) line[at++] = *p;
    line[at++] = '\n';
    pass(SYS_write, report, (long)line, (long)at, 0, 0);
}

/* Whether a call changes something below the folder, and what. */
static int is_meant(int call, ucontext_t *c, char *path) {
    if (CALLS[call].path == DESCRIPTOR) {
        if (!path_of(ARG(c, 0), path, 1200)) return 0;
    } else {
        const char *given = (const char *)ARG(c, CALLS[call].path);
        size_t length = given ? text_length(given) : 0;
        if (length == 0 || length > 1100) return 0;
        size_t at = 0;
        if (given[0] != '/' && CALLS[call].at) {
            if (!path_of(ARG(c, CALLS[call].path - 1), path, 1200)) return 0;
            at = text_length(path);
            if (at + length > 1190) return 0;
            path[at++] = '/';
        }
        memcpy(path + at, given, length + 1);
    }
    if (!is_below(path)) return 0;
    if (CALLS[call].name[0] == 'o') {
        long flags = ARG(c, CALLS[call].path + 1);
        return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    }
    return 1;
}

#define NO_REPLACE_FLAG 1 /* RENAME_NOREPLACE */

/* What a file system that lacks something says to a call below the folder: 1 when it makes the call itself. */
static int lacks(long number, ucontext_t *c, long *result) {
    int is_careful = number == SYS_renameat2 && ARG(c, 4) == NO_REPLACE_FLAG;
    struct stat about;
    switch (kind) {
    case NO_REPLACE:
        *result = is_careful ? -EINVAL : -EPERM;
        return is_careful || number == SYS_linkat
#ifdef SYS_link
            || number == SYS_link
#endif
            ;
    case REPLACES:
        if (is_careful) *result = pass(number, ARG(c, 0), ARG(c, 1), ARG(c, 2), ARG(c, 3), 0);
        return is_careful;
    case NO_COLON: {
        const char *to = number == SYS_renameat2 || number == SYS_renameat ? (const char *)ARG(c, 3) : NULL;
#ifdef SYS_rename
        if (number == SYS_rename) to = (const char *)ARG(c, 1);
#endif
        *result = -EINVAL;
        return to && strchr(to, ':') != NULL;
    }
    case NO_FOLDER_SYNC:
        *result = -EINVAL;
        return (number == SYS_fsync || number == SYS_fdatasync) && fstat((int)ARG(c, 0), &about) == 0 && S_ISDIR(about.st_mode);
    case NO_LOCKS:
        *result = -ENOSYS;
        return number == SYS_flock;
    case OTHER_LOCKS:
        *result = 0;
        return number == SYS_flock;
    default:
        return 0;
    }
}

static int is_write(int call) { return CALLS[call].path == DESCRIPTOR && strstr(CALLS[call].name, "write") != NULL; }

static void on_call(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    int saved = errno, call = 0;
    char path[1220];
    (void)signal;
    while (call < CALL_COUNT && CALLS[call].number != info->si_syscall) call++;
    int hit = 0;
    long result;
    if (kind > COUNT) {
        if (call >= CALL_COUNT || !is_meant(call, c, path) || !lacks(info->si_syscall, c, &result))
            result = pass(info->si_syscall, ARG(c, 0), ARG(c, 1), ARG(c, 2), ARG(c, 3), ARG(c, 4));
        RESULT(c) = result;
        errno = saved;
        return;
    }
    /* Locks change nothing, and are not counted. */
    if (call < CALL_COUNT && CALLS[call].number != SYS_flock && (kind != SHORT || is_write(call)) && is_meant(call, c, path)) {
        long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
        hit = number == wanted && kind != COUNT;
        if (hit || kind == COUNT) say(CALLS[call].name, path);
    }
    if (hit && kind == FAIL_EIO) {
        result = -EIO;
    } else if (hit && kind == FAIL_ENOSPC) {
        result = -ENOSPC;
    } else if (hit && kind == HANG) {
        for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
    } else if (hit && kind == SHORT && CALLS[call].number == SYS_writev) {
        struct iovec half = *(struct iovec *)ARG(c, 1);
        half.iov_len = (half.iov_len + 1) / 2;
        result = pass(SYS_write, ARG(c, 0), (long)half.iov_base, (long)half.iov_len, 0, 0);
    } else {
        long third = hit && kind == SHORT ? (ARG(c, 2) + 1) / 2 : ARG(c, 2);
        result = pass(info->si_syscall, ARG(c, 0), ARG(c, 1), third, ARG(c, 3), ARG(c, 4));
        if (hit && kind == DONE) {
            if (CALLS[call].name[0] == 'o' && result >= 0) syscall(SYS_close, result);
            result = -EIO;
        }
    }
    RESULT(c) = result;
    errno = saved;
}

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("NTH_IO_FOLDER"), *number = getenv("NTH_IO_N"), *what = getenv("NTH_IO_KIND");
    const char *told = getenv("NTH_IO_REPORT");
    static const char *kinds[] = {"EIO", "ENOSPC", "short", "done", "hang", "count",
                                  "no-replace", "replaces", "no-colon", "no-folder-sync", "no-locks", "other-locks"};
    if (!where || !number || !what || !told || strlen(where) >= sizeof folder) return;
    strcpy(folder, where);
    folder_length = strlen(folder);
    wanted = atol(number);
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i], what) == 0) kind = i;
    report = open(told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSYS, &action, NULL);
    struct sock_filter filter[8 + CALL_COUNT];
    int at = 0;
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 0, 3 + CALL_COUNT);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]));
    filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PASS, 1 + CALL_COUNT, 0);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALL_COUNT; i++)
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)CALLS[i].number, CALL_COUNT - i, 0);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {(unsigned short)at, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        static const char sorry[] = "nth_io: system calls cannot be filtered here\n";
        if (write(2, sorry, sizeof sorry - 1) < 0) _exit(99);
        _exit(99);
    }
}
