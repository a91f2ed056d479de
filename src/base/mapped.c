/*
 * mapped.c - see mapped.h. A list that writers change under a lock and a signal handler reads
 * without one: a node is complete before it can be reached, and taken out before it is freed.
 */
#include "base/mapped.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "karma/karma.h"

struct mapped {
    const unsigned char *data;
    size_t size;
    struct mapped *_Atomic next;
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapped *_Atomic first;

karma_status mapped_add(const char *path, const void *data, size_t size) {
    const size_t len = strlen(path) + 1;
    struct mapped *m = mem_alloc(sizeof(*m) + len);
    if (!m) return KARMA_E_NOMEM;
    m->data = data;
    m->size = size;
    memcpy(m->path, path, len);
    pthread_mutex_lock(&lock);
    atomic_init(&m->next, atomic_load(&first));
    atomic_store(&first, m);
    pthread_mutex_unlock(&lock);
    return KARMA_OK;
}

void mapped_remove(const void *data) {
    pthread_mutex_lock(&lock);
    struct mapped *_Atomic *at = &first;
    struct mapped *m = atomic_load(at);
    while (m && m->data != data) {
        at = &m->next;
        m = atomic_load(at);
    }
    if (m) atomic_store(at, atomic_load(&m->next));
    pthread_mutex_unlock(&lock);
    mem_free(m);
}

const char *karma_mapped_file(const void *address, size_t *offset) {
    const unsigned char *at = address;
    for (struct mapped *m = atomic_load(&first); m; m = atomic_load(&m->next)) {
        if (at < m->data || at >= m->data + m->size) continue;
        *offset = (size_t)(at - m->data);
        return m->path;
    }
    return NULL;
}
