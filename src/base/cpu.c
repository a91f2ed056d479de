/*
 * cpu.c - the processor as the system lets us use it. Containers state their share in cgroup
 * files; both versions are read, from our own group up to the root, and the least share counts.
 * Where both versions are in use, the second lies in a folder of the first.
 */
#include "base/cpu.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Which register states the system saves: bits of XCR0. */
static uint64_t saved_states(void) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

bool cpu_isa_present(enum cpu_isa isa) {
    enum { XMM_YMM = 0x6, ZMM = 0xe6 };
    const unsigned need_7_ebx = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    unsigned a, b, c, d;
    if (isa == CPU_ISA_REF) return true;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    if (!(c & bit_OSXSAVE) || !(c & bit_FMA) || !(c & bit_F16C)) return false;
    uint64_t states = saved_states();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return false;
    if (isa == CPU_ISA_AVX2) return (states & XMM_YMM) == XMM_YMM;
    if ((states & ZMM) != ZMM || (b & need_7_ebx) != need_7_ebx) return false;
    if (isa == CPU_ISA_AVX512) return true;
    return isa == CPU_ISA_AVX512BF16 && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
           (a & bit_AVX512BF16);
}

bool cpu_has_vnni(void) {
    unsigned a, b, c, d;
    return cpu_isa_present(CPU_ISA_AVX512) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (c & bit_AVX512VNNI);
}
#else
bool cpu_isa_present(enum cpu_isa isa) {
    return isa == CPU_ISA_REF;
}

bool cpu_has_vnni(void) {
    return false;
}
#endif

static const char *const isa_names[CPU_ISA_COUNT] = {
    [CPU_ISA_REF] = "ref",
    [CPU_ISA_AVX2] = "avx2",
    [CPU_ISA_AVX512] = "avx512",
    [CPU_ISA_AVX512BF16] = "avx512bf16",
};

const char *cpu_isa_name(enum cpu_isa isa) {
    return (unsigned)isa < CPU_ISA_COUNT ? isa_names[isa] : "unknown";
}

karma_status cpu_isa_choose(enum cpu_isa *out) {
    *out = CPU_ISA_REF;
    const char *wanted = env_get("KARMA_ISA");
    for (int isa = CPU_ISA_COUNT - 1; isa >= 0; isa--) {
        if (wanted && strcmp(wanted, isa_names[isa]) != 0) continue;
        bool present = cpu_isa_present((enum cpu_isa)isa);
        if (wanted && !present) {
            return status_fail(KARMA_E_USAGE, "KARMA_ISA: this processor has no %s", wanted);
        }
        if (!present) continue;
        *out = (enum cpu_isa)isa;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_USAGE, "KARMA_ISA: %s is not one of ref, avx2, avx512, avx512bf16",
                       status_quotez(wanted));
}

const char *cpu_model_name(void) {
    static _Thread_local char name[128];
    char text[4096]; /* the first processor's lines */
    file_read_small("/proc/cpuinfo", text, sizeof(text));
    const char *p = strstr(text, "model name");
    p = p ? strchr(p, ':') : NULL;
    if (!p) return "unknown";
    p += strspn(p, ": \t");
    size_t len = strcspn(p, "\n");
    if (len == 0) return "unknown";
    snprintf(name, sizeof(name), "%.*s", (int)len, p);
    return name;
}

/* Called with each group's folder, innermost first. */
typedef void (*group_fn)(const char *folder, void *out);

/* Is controller among the comma-separated names? "" asks for version 2, which has none. */
static bool names_controller(const char *names, const char *controller) {
    size_t len = strlen(controller);
    if (!len) return !*names;
    for (const char *p = names; (p = strstr(p, controller)); p += len) {
        bool begins = p == names || p[-1] == ',';
        if (begins && (p[len] == '\0' || p[len] == ',')) return true;
    }
    return false;
}

enum { LINE_BYTES = 4096 };

/* From the group `path` of the hierarchy in root/sys/fs/cgroup/<hierarchy> up to its root. Inside a
 * container the path may be the host's and lead nowhere; the root still answers. */
static void up_from(const char *root, const char *hierarchy, const char *path, group_fn fn,
                    void *out) {
    char folder[2 * LINE_BYTES];
    const int top = snprintf(folder, LINE_BYTES, "%s/sys/fs/cgroup%s%s", root,
                             *hierarchy ? "/" : "", hierarchy);
    if (top < 0 || top >= LINE_BYTES) return;
    snprintf(folder + top, LINE_BYTES, "%s", path);
    for (;;) {
        size_t len = strlen(folder);
        while (len > (size_t)top && folder[len - 1] == '/')
            folder[--len] = '\0';
        fn(folder, out);
        char *slash = strrchr(folder, '/');
        if (len <= (size_t)top || !slash) return;
        *slash = '\0';
    }
}

/* Walk our groups of one hierarchy: controller "" is version 2. */
static void each_group(const char *root, const char *controller, group_fn fn, void *out) {
    char text[LINE_BYTES], name[LINE_BYTES];
    snprintf(name, sizeof(name), "%s/proc/self/cgroup", root);
    file_read_small(name, text, sizeof(text));
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        names++;
        if (!names_controller(names, controller)) continue;
        up_from(root, controller, path, fn, out);
        if (!*controller) up_from(root, "unified", path, fn, out);
        if (strcmp(names, controller) != 0) up_from(root, names, path, fn, out); /* cpu,cpuacct */
        return;
    }
}

/* A whole number from a one-line file beside the group; -1 if absent or "max". */
static long long group_number(const char *folder, const char *file, long long *second) {
    char path[4096 + 128], text[64];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (!file_read_small(path, text, sizeof(text))) return -1;
    char *end;
    long long v = strtoll(text, &end, 10);
    if (end == text) return -1;
    if (second) *second = strtoll(end, NULL, 10);
    return v;
}

static void take_quota(long long quota, long long period, double *least) {
    if (quota <= 0 || period <= 0) return;
    double share = (double)quota / (double)period;
    if (*least <= 0 || share < *least) *least = share;
}

static void quota_v2(const char *folder, void *least) {
    long long period = 0;
    long long quota = group_number(folder, "cpu.max", &period);
    take_quota(quota, period, least);
}

static void quota_v1(const char *folder, void *least) {
    take_quota(group_number(folder, "cpu.cfs_quota_us", NULL),
               group_number(folder, "cpu.cfs_period_us", NULL), least);
}

static void memory_v2(const char *folder, void *least) {
    long long v = group_number(folder, "memory.max", NULL);
    if (v > 0 && (uint64_t)v < *(uint64_t *)least) *(uint64_t *)least = (uint64_t)v;
}

static void memory_v1(const char *folder, void *least) {
    long long v = group_number(folder, "memory.limit_in_bytes", NULL);
    if (v > 0 && (uint64_t)v < *(uint64_t *)least) *(uint64_t *)least = (uint64_t)v;
}

static int affinity_count(void) {
    enum { MAX_CPUS = 8192 };
    unsigned long mask[MAX_CPUS / (8 * sizeof(unsigned long))] = {0};
    if (sched_getaffinity(0, sizeof(mask), (cpu_set_t *)(void *)mask) == 0) {
        return CPU_COUNT_S(sizeof(mask), (cpu_set_t *)(void *)mask);
    }
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

int cpu_count_of(int n, const char *root) {
    double share = 0; /* 0: no quota */
    each_group(root, "", quota_v2, &share);
    each_group(root, "cpu", quota_v1, &share);
    if (share > 0 && share < n) {
        n = (int)share;
        if (n < share) n++; /* 1.5 processors keep two threads busy */
    }
    return n < 1 ? 1 : n;
}

int cpu_count(void) {
    return cpu_count_of(affinity_count(), "");
}

size_t cpu_memory_of(size_t bytes, const char *root) {
    uint64_t least = bytes;
    each_group(root, "", memory_v2, &least);
    each_group(root, "memory", memory_v1, &least);
    return least;
}

size_t cpu_memory_bytes(void) {
    return cpu_memory_of((size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE), "");
}

size_t cpu_resident_bytes(void) {
    char text[4096];
    file_read_small("/proc/self/status", text, sizeof(text));
    const char *p = strstr(text, "VmHWM:");
    if (p) return (size_t)strtoull(p + strlen("VmHWM:"), NULL, 10) * 1024;
    struct rusage use; /* may include what ran in this process before exec */
    return getrusage(RUSAGE_SELF, &use) == 0 ? (size_t)use.ru_maxrss * 1024 : 0;
}
