/* shared_object.c - see shared_object.h. The loader maps what the headers say and trusts them, so
 * they are held against the length of the file first: past its end lies SIGBUS. */
#include "base/shared_object.h"

#include <dlfcn.h>
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/file.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#else
enum { MACHINE = EM_NONE };
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { BYTE_ORDER_HERE = ELFDATA2LSB };
#else
enum { BYTE_ORDER_HERE = ELFDATA2MSB };
#endif

static karma_status check_segments(const struct file_map *f, const Elf64_Ehdr *head) {
    const uint64_t end = (uint64_t)head->e_phnum * sizeof(Elf64_Phdr);
    if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phoff > f->size ||
        end > f->size - head->e_phoff)
        return status_fail(KARMA_E_TRUNCATED, "the file ends inside its headers");
    for (size_t i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, f->data + head->e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type != PT_LOAD && p.p_type != PT_DYNAMIC) continue;
        if (p.p_offset > f->size || p.p_filesz > f->size - p.p_offset)
            return status_fail(KARMA_E_TRUNCATED,
                               "the file has %zu bytes and its headers speak of more", f->size);
    }
    return KARMA_OK;
}

static karma_status check(const struct file_map *f) {
    Elf64_Ehdr head;
    if (f->size < SELFMAG || memcmp(f->data, ELFMAG, SELFMAG) != 0)
        return status_fail(KARMA_E_MAGIC, "not a shared object (ELF)");
    if (f->size < sizeof(head))
        return status_fail(KARMA_E_TRUNCATED, "the file ends in its header");
    memcpy(&head, f->data, sizeof(head));
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != BYTE_ORDER_HERE ||
        (MACHINE != EM_NONE && head.e_machine != MACHINE))
        return status_fail(
            KARMA_E_ABI, "made for another processor (machine %u, %d-bit; this one is %d, 64-bit)",
            head.e_machine, head.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, MACHINE);
    if (head.e_type != ET_DYN)
        return status_fail(KARMA_E_MAGIC, "an ELF file, but not a shared object");
    return check_segments(f, &head);
}

karma_status shared_object_check(const char *path) {
    struct file_map f;
    karma_status st = file_map_open(path, &f);
    if (st < 0) return st;
    st = check(&f);
    file_map_close(&f);
    return st < 0 ? status_prefix(st, "%s", path) : KARMA_OK;
}

/* A host such as Python loads libkarma.so for itself alone; what a plugin needs of it must be seen
 * by all. In a program that is linked with libkarma.a there is nothing to do. */
static void show_own_symbols(void) {
    static const char here; /* in whatever object this code is part of */
    Dl_info info;
    if (!dladdr(&here, &info) || !info.dli_fname) return;
    void *self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
    if (self) dlclose(self);
    dlerror(); /* the program itself is none that could be opened */
}

karma_status shared_object_open(const char *path, void **handle) {
    struct arena a = {0};
    /* Without a slash the loader would look in its own folders. */
    const char *place = strchr(path, '/') ? path : file_join(&a, ".", path);
    karma_status st = place ? KARMA_OK : KARMA_E_NOMEM;
    *handle = NULL;
    if (st == KARMA_OK) {
        show_own_symbols();
        *handle = dlopen(place, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    if (st == KARMA_OK && !*handle) {
        const char *why = dlerror();
        st = status_fail(KARMA_E_PLUGIN, "%s", why ? why : "cannot be loaded");
        if (why && strstr(why, "undefined symbol: karma_"))
            st = status_fail(KARMA_E_PLUGIN,
                             "%s (a program linked with libkarma.a shows its symbols only with "
                             "-rdynamic)",
                             why);
    }
    arena_release(&a);
    return st;
}

void *shared_object_symbol(void *handle, const char *name) {
    return dlsym(handle, name);
}

/* The loader calls the program what it was called by, which may be no path at all. */
karma_status shared_object_own_folder(struct arena *a, const char **folder) {
    static const char here;
    const char *path = "/proc/self/exe";
    Dl_info own, program;
    *folder = NULL;
    if (dladdr(&here, &own) && own.dli_fname &&
        !(dladdr((const void *)getauxval(AT_PHDR), &program) && program.dli_fbase == own.dli_fbase))
        path = own.dli_fname;
    karma_status st = file_real_path(a, path, &path);
    if (st < 0) return st;
    *folder = file_dir_name(a, path);
    return *folder ? KARMA_OK : KARMA_E_NOMEM;
}
