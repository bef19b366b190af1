// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "parts.h"

#define PAGE		4096
#define PAGES		128
#define PING_PONGS	40
#define TICKS		5
#define TICK_NS		700000

u64 digest;

void mix(const void *data, size_t size)
{
	digest = hash_bytes(digest, data, size);
}

void mix_number(u64 value)
{
	mix(&value, sizeof(value));
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		complain("%s: %s", what, strerror(errno));
		exit(1);
	}
}

/* For what is checked against itself: the same each time. */
static u64 long_walk(u64 x, int steps)
{
	while (steps--) {
		if (x & 1)
			x = x * 3 + 1;
		else
			x = x >> 1 ^ 0x9e3779b97f4a7c15;
	}
	return x;
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	return pid;
}

static void reap(pid_t pid, int wanted)
{
	int status;

	must(waitpid(pid, &status, 0) == pid, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		complain("child %d: status %x instead of exit %d", pid, status, wanted);
	mix_number(pid);
	mix_number(status);
}

static void read_all(int fd, void *data, size_t size)
{
	char *p = data;
	ssize_t n;

	while (size) {
		n = read(fd, p, size);
		must(n > 0, "read");
		p += n;
		size -= n;
	}
}

static void write_all(int fd, const void *data, size_t size)
{
	must(write(fd, data, size) == (ssize_t)size, "write");
}

int exec_child(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoul(argv[1], NULL, 16) : 0;

	printf("%016lx", long_walk(seed, 1000));
	return 7;
}

/* A new program, by fork and exec; its answer comes through a pipe. */
static void run_exec(void)
{
	char seed[17], got[17] = "", wanted[17];
	int fds[2];
	pid_t pid;

	snprintf(seed, sizeof(seed), "%016lx", digest);
	snprintf(wanted, sizeof(wanted), "%016lx",
		 long_walk(digest, 1000));
	must(!pipe(fds), "pipe");
	pid = fork_or_die();
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl("/proc/self/exe", "workload-child", seed, NULL);
		_exit(127);
	}
	close(fds[1]);
	read_all(fds[0], got, 16);
	close(fds[0]);
	reap(pid, 7);
	if (strcmp(got, wanted))
		complain("exec: the child says %s instead of %s", got, wanted);
}

static int faults;
static char *fault_page;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	char *page = READ_ONCE(fault_page);

	(void)sig;
	(void)context;
	WRITE_ONCE(faults, faults + 1);
	if ((char *)info->si_addr < page || (char *)info->si_addr >= page + PAGE)
		_exit(99);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

/* First touch, copy on write, and a write that is let through by a handler. */
static void run_faults(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, old;
	u64 sum = 0, child_sum;
	u64 *area;
	int fds[2], i;
	char *page;
	pid_t pid;

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(area != MAP_FAILED, "mmap");
	for (i = 0; i < PAGES; i++)
		area[i * PAGE / sizeof(*area)] = digest + i;
	for (i = 0; i < PAGES; i++)
		sum += area[i * PAGE / sizeof(*area)];

	must(!pipe(fds), "pipe");
	pid = fork_or_die();
	if (!pid) {
		for (i = 0; i < PAGES; i++)
			area[i * PAGE / sizeof(*area)] *= 3;
		for (i = 0, child_sum = 0; i < PAGES; i++)
			child_sum += area[i * PAGE / sizeof(*area)];
		write_all(fds[1], &child_sum, sizeof(child_sum));
		_exit(3);
	}
	for (i = 0; i < PAGES; i += 2)
		area[i * PAGE / sizeof(*area)]++;
	read_all(fds[0], &child_sum, sizeof(child_sum));
	close(fds[0]);
	close(fds[1]);
	reap(pid, 3);
	if (child_sum != 3 * sum)
		complain("copy on write: the child's sum is wrong");
	for (i = 0, child_sum = 0; i < PAGES; i++)
		child_sum += area[i * PAGE / sizeof(*area)];
	if (child_sum != sum + PAGES / 2)
		complain("copy on write: the parent's sum is wrong");
	mix_number(sum);

	faults = 0;
	sigaction(SIGSEGV, &action, &old);
	for (i = 0; i < 8; i++) {
		page = (char *)area + i * PAGE;
		WRITE_ONCE(fault_page, page);
		must(!mprotect(page, PAGE, PROT_READ), "mprotect");
		WRITE_ONCE(page[i], i);
	}
	sigaction(SIGSEGV, &old, NULL);
	if (READ_ONCE(faults) != 8)
		complain("mprotect: %d faults instead of 8", faults);
	must(!munmap(area, PAGES * PAGE), "munmap");
}

static int signals;
static u64 signal_sum;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	WRITE_ONCE(signals, signals + 1);
	signal_sum = signal_sum * 31 + sig + (unsigned int)info->si_value.sival_int;
}

/* Queued to oneself while blocked, and sent by a child. */
static void run_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	union sigval value;
	sigset_t set, old;
	pid_t pid;
	int i;

	signals = 0;
	signal_sum = 0;
	sigemptyset(&set);
	for (i = 0; i < 4; i++) {
		sigaction(SIGRTMIN + i, &action, NULL);
		sigaddset(&set, SIGRTMIN + i);
	}
	sigprocmask(SIG_BLOCK, &set, &old);
	for (i = 0; i < 8; i++) {
		value.sival_int = i;
		must(!sigqueue(getpid(), SIGRTMIN + (i & 3), value), "sigqueue");
	}
	if (READ_ONCE(signals))
		complain("signals: a blocked one was delivered");
	pid = fork_or_die();
	if (!pid) {
		value.sival_int = 100;
		sigqueue(getppid(), SIGRTMIN, value);
		_exit(0);
	}
	reap(pid, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (READ_ONCE(signals) != 9)
		complain("signals: %d instead of 9", signals);
	mix_number(signal_sum);
}

static int ticks;

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	WRITE_ONCE(ticks, ticks + 1);
}

/* How far the loop comes between two ticks is nothing that could be foretold. */
static void run_timers(void)
{
	struct sigaction action = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO };
	struct itimerspec spec = { .it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 8 };
	struct timespec nap = { .tv_nsec = 500000 };
	struct itimerval alarm = { .it_value.tv_usec = 900 };
	u64 loops = 0;
	int seen = 0;
	timer_t timer;

	WRITE_ONCE(ticks, 0);
	sigaction(SIGRTMIN + 8, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	must(!timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
	timer_settime(timer, 0, &spec, NULL);
	while (seen < TICKS) {
		loops++;
		if (READ_ONCE(ticks) != seen) {
			seen = READ_ONCE(ticks);
			mix_number(loops);
		}
	}
	timer_delete(timer);

	WRITE_ONCE(ticks, 0);
	setitimer(ITIMER_REAL, &alarm, NULL);
	while (!READ_ONCE(ticks))
		loops++;
	mix_number(loops);
	nanosleep(&nap, NULL);
}

/* Two processes that wait for each other: context switches. */
static void run_pipes(void)
{
	u64 ball = digest, wanted = digest;
	int there[2], back[2], i;
	pid_t pid;

	must(!pipe(there) && !pipe(back), "pipe");
	pid = fork_or_die();
	if (!pid) {
		for (i = 0; i < PING_PONGS; i++) {
			read_all(there[0], &ball, sizeof(ball));
			ball = long_walk(ball, 100);
			write_all(back[1], &ball, sizeof(ball));
		}
		_exit(5);
	}
	for (i = 0; i < PING_PONGS; i++) {
		write_all(there[1], &ball, sizeof(ball));
		read_all(back[0], &ball, sizeof(ball));
		wanted = long_walk(wanted, 100);
	}
	reap(pid, 5);
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
	if (ball != wanted)
		complain("pipes: the ball came back as another one");
	mix_number(ball);
}

static void *thread(void *data)
{
	pthread_mutex_t *lock = data;
	u64 sum = 0;
	int i;

	for (i = 0; i < 200; i++) {
		pthread_mutex_lock(lock);
		signal_sum++;
		pthread_mutex_unlock(lock);
		sum = long_walk(sum + i, 20);
		if (i % 50 == 0)
			sched_yield();
	}
	return (void *)(u64)sum;
}

static void run_threads(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[3];
	void *sums[3];
	int i;

	signal_sum = 0;
	for (i = 0; i < 3; i++)
		must(!pthread_create(&threads[i], NULL, thread, &lock), "pthread_create");
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], &sums[i]);
	if (signal_sum != 600 || sums[0] != sums[1] || sums[0] != sums[2])
		complain("threads: the sums are wrong");
	mix_number((u64)sums[0]);
}

/* SSE and x87, over many timer ticks of the kernel: its result never changes. */
static void run_floats(void)
{
	long double z = 1.0L;
	static u64 first;
	double x = 0.5, dot = 0, v[64];
	u64 hash = HASH_INIT;
	int i, j;

	for (i = 0; i < 64; i++)
		v[i] = sqrt(i + 1.5);
	for (j = 0; j < 100; j++) {
		for (i = 0; i < 64; i++) {
			x = 3.9 * x * (1.0 - x);
			dot += v[i] * v[63 - i] * x;
			z = z / 1.0000003L + (long double)x;
		}
	}
	hash = hash_bytes(hash, &x, sizeof(x));
	hash = hash_bytes(hash, &dot, sizeof(dot));
	hash = hash_bytes(hash, &z, 10);
	if (first && hash != first)
		complain("floats: the result changed");
	first = hash;
	mix_number(hash);
}

static void run_files(void)
{
	char name[64], other[64], block[PAGE];
	u64 wanted, got;
	int fd, i;

	snprintf(name, sizeof(name), "/tmp/workload.%d", getpid());
	snprintf(other, sizeof(other), "/tmp/workload.%d.new", getpid());
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0, name);
	wanted = HASH_INIT;
	got = HASH_INIT;
	for (i = 0; i < 16; i++) {
		memset(block, (int)(digest >> i), sizeof(block));
		wanted = hash_bytes(wanted, block, sizeof(block));
		write_all(fd, block, sizeof(block));
	}
	must(!rename(name, other), "rename");
	must(!lseek(fd, 0, SEEK_SET), "lseek");
	for (i = 0; i < 16; i++) {
		read_all(fd, block, sizeof(block));
		got = hash_bytes(got, block, sizeof(block));
	}
	close(fd);
	must(!unlink(other), "unlink");
	if (got != wanted)
		complain("files: read something else than was written");
	mix_number(got);
}

/* Everything the kernel tells that is not the same twice. */
static void run_questions(void)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME_COARSE,
	};
	struct timespec now;
	struct rusage usage;
	unsigned char bytes[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		clock_gettime(clocks[i], &now);
		mix_number(now.tv_sec);
		mix_number(now.tv_nsec);
	}
	getrusage(RUSAGE_SELF, &usage);
	mix_number(usage.ru_utime.tv_usec);
	mix_number(usage.ru_nivcsw);
	mix_number(usage.ru_minflt);
	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) == sizeof(bytes))
		mix(bytes, sizeof(bytes));
	mix_number(getpid());
}

const struct part parts[] = {
	{ "exec", run_exec },
	{ "faults", run_faults },
	{ "signals", run_signals },
	{ "timers", run_timers },
	{ "pipes", run_pipes },
	{ "threads", run_threads },
	{ "floats", run_floats },
	{ "files", run_files },
	{ "questions", run_questions },
	{}
};
