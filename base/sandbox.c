/*
 * The list below is what a role may ask; anything else ends the process.  Two calls are answered with an error
 * instead, because libraries ask and do well without: executable memory (a name service plugin of getaddrinfo),
 * and clone3 (its arguments lie in memory that a filter cannot read; the C library then uses clone).
 */
#include "base/sandbox.h"

#include <sys/prctl.h>

#ifdef INNSYN_NO_SANDBOX

result sandbox_enter(unsigned allow, struct why *why)
{
    (void)allow;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return FAIL(why, UNAVAILABLE, "the kernel refuses no_new_privs");
    return DONE;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

enum { MALLOC_ARENAS = 8 };

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* Working on what is open, memory, time, waiting: every role. */
static const int always[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fcntl), SCMP_SYS(dup),
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2),
    SCMP_SYS(munlock), SCMP_SYS(futex), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(membarrier),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getcpu),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Beside openat and open, which are held to reading by their flags. */
static const int files_read[] = {
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(statfs),
    SCMP_SYS(fstatfs), SCMP_SYS(fadvise64), SCMP_SYS(flock), SCMP_SYS(mincore), SCMP_SYS(readahead),
};

static const int files_write[] = {
    SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(creat), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(msync),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown), SCMP_SYS(umask), SCMP_SYS(utimensat),
    SCMP_SYS(copy_file_range),
};

static const int serve[] = {SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(listen), SCMP_SYS(sendfile)};

/* socketpair: curl's name resolving thread wakes its caller through one. */
static const int connecting[] = {
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
};

static bool add(scmp_filter_ctx f, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return true;
}

static bool add_if(scmp_filter_ctx f, uint32_t action, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add(f, action, call, 1, condition) == 0;
}

static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
    return (struct scmp_arg_cmp){arg, SCMP_CMP_MASKED_EQ, mask, value};
}

static struct scmp_arg_cmp equal(unsigned arg, uint64_t value)
{
    return (struct scmp_arg_cmp){arg, SCMP_CMP_EQ, value, 0};
}

static bool add_memory(scmp_filter_ctx f)
{
    return add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), masked(2, PROT_EXEC, 0)) &&
           add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), masked(2, PROT_EXEC, 0)) &&
           add_if(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), masked(2, PROT_EXEC, PROT_EXEC)) &&
           add_if(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mprotect), masked(2, PROT_EXEC, PROT_EXEC));
}

/* Calls that do many things, of which a role needs some. */
static bool add_narrowed(scmp_filter_ctx f)
{
    static const unsigned long requests[] = {FIONREAD, FIONBIO, TCGETS, TIOCGWINSZ};
    static const unsigned long options[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE};
    for (size_t i = 0; i < LENGTH(requests); i++)
        if (!add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), masked(1, UINT32_MAX, requests[i])))
            return false;
    for (size_t i = 0; i < LENGTH(options); i++)
        if (!add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), masked(0, UINT32_MAX, options[i])))
            return false;
    /* Limits may be read; abort() sends a signal to its own process. */
    return add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), equal(2, 0)) &&
           add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), equal(0, (uint64_t)getpid()));
}

static bool add_reading(scmp_filter_ctx f)
{
    const uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    return add(f, files_read, LENGTH(files_read)) &&
           add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), masked(2, writing, 0)) &&
           add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(open), masked(1, writing, 0));
}

static bool add_threads(scmp_filter_ctx f)
{
    return add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), masked(0, CLONE_THREAD, CLONE_THREAD)) &&
           /* of the thread itself */
           seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2, equal(0, PRIO_PROCESS), equal(1, 0)) == 0 &&
           seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

static bool build(scmp_filter_ctx f, unsigned allow)
{
    bool writes = allow & SANDBOX_FILES_WRITE;
    bool connects = allow & SANDBOX_CONNECT;
    /* Writing needs folders opened and looked at; names are resolved from files and in a thread. */
    bool reads = writes || connects || allow & SANDBOX_FILES_READ;
    bool threads = connects || allow & SANDBOX_THREADS;
    return seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
           seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
           seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && add(f, always, LENGTH(always)) && add_memory(f) &&
           add_narrowed(f) && (!reads || add_reading(f)) && (!writes || add(f, files_write, LENGTH(files_write))) &&
           (!(allow & SANDBOX_SERVE) || add(f, serve, LENGTH(serve))) &&
           (!connects || add(f, connecting, LENGTH(connecting))) && (!threads || add_threads(f));
}

/* What the C library would open a file for later, in the middle of its work: the time zone (even for UTC), and
 * the number of processors, which malloc asks for unless it is told how many arenas to have. */
static void ask_beforehand(void)
{
    tzset();
    (void)mallopt(M_ARENA_MAX, MALLOC_ARENAS);
}

result sandbox_enter(unsigned allow, struct why *why)
{
    ask_beforehand();
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return FAIL(why, LIMIT, "no memory for a system call filter");
    if (!build(f, allow)) {
        seccomp_release(f);
        return FAIL(why, UNAVAILABLE, "the system call filter cannot be built");
    }
    int error = seccomp_load(f);
    seccomp_release(f);
    if (error)
        return FAIL(why, UNAVAILABLE, "the kernel refuses the system call filter: %s", strerrordesc_np(-error));
    return DONE;
}

#endif
