/*
 * Workers take turns at the file: each reads the next AUDIT_PART lines, checks and hashes them by itself,
 * waits until the parts before are joined, and joins its own.  So nothing is ever out of order, and at
 * most one part a worker is in memory.
 */
#include "client/log/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 3, /* more than two cores need: one that waits for its turn to join must not leave a core idle */
       READ_BYTES = 64 * 1024, PART_BYTES_MAX = AUDIT_PART * (AUDIT_ENTRY_MAX + 1) + READ_BYTES };

struct reading {
    pthread_mutex_t lock;
    pthread_cond_t joined;
    int fd;
    bool at_end;
    struct buffer ahead;     /* read beyond the part that was handed out last */
    uint64_t parts, next;    /* handed out; joined */
    uint64_t bytes;
    struct audit *audit;
    result outcome;          /* of the first part that failed */
    struct why *why;
    log_file_said *said;
    void *self;
};

struct part {
    uint64_t number;
    struct buffer bytes;
    unsigned count;
    uint32_t ends[AUDIT_PART]; /* where each line's newline stands */
    struct audit audit;
    struct entry_shapes shapes;
    struct hash leaves[AUDIT_PART];
    struct hash root;
    result outcome;
    struct why why;
};

static result read_more(struct reading *r, struct buffer *to, struct why *why)
{
    uint8_t *at = NULL;
    TRY(buffer_reserve(to, READ_BYTES, &at, why));
    ssize_t n = read(r->fd, at, READ_BYTES);
    buffer_commit(to, n > 0 ? (size_t)n : 0);
    if (n < 0 && errno == EINTR)
        return DONE;
    if (n < 0)
        return FAIL(why, UNAVAILABLE, "the file cannot be read");
    r->at_end = n == 0;
    return DONE;
}

/* The next lines, up to AUDIT_PART, go to p->bytes; none at the end.  Under the lock. */
static result take_lines(struct reading *r, struct part *p, struct why *why)
{
    size_t start = 0, looked = 0; /* of the line at hand: where it begins, how far there is no newline */
    p->count = 0;
    buffer_clear(&p->bytes);
    TRY(buffer_add(&p->bytes, buffer_slice(&r->ahead), why));
    buffer_clear(&r->ahead);
    while (p->count < AUDIT_PART) {
        struct slice rest = slice_part(buffer_slice(&p->bytes), looked, p->bytes.len);
        const uint8_t *line = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
        unsigned long long index = r->parts * AUDIT_PART + p->count;
        if (line) {
            p->ends[p->count++] = (uint32_t)(line - p->bytes.at);
            start = looked = (size_t)(line - p->bytes.at) + 1;
        } else if (p->bytes.len - start > AUDIT_ENTRY_MAX) {
            return FAIL(why, DENIED, "entry %llu has more than %d bytes", index, AUDIT_ENTRY_MAX);
        } else if (r->at_end) {
            if (p->bytes.len > start)
                return FAIL(why, DENIED, "the file ends within entry %llu: it was cut off", index);
            break;
        } else {
            looked = p->bytes.len;
            TRY(read_more(r, &p->bytes, why));
        }
    }
    TRY(buffer_add(&r->ahead, slice_part(buffer_slice(&p->bytes), start, p->bytes.len), why));
    r->bytes += start;
    p->number = r->parts;
    r->parts += p->count > 0;
    return DONE;
}

static result check_part(struct part *p, struct why *why)
{
    struct merkle_frontier tree;
    size_t from = 0;
    audit_init(&p->audit, NULL);
    p->audit.shapes = &p->shapes;
    merkle_frontier_init(&tree);
    for (unsigned i = 0; i < p->count; i++) {
        struct slice entry = slice_of(p->bytes.at + from, p->ends[i] - from);
        TRY(audit_form(&p->audit, entry, p->number * AUDIT_PART + i, why));
        p->leaves[i] = merkle_leaf(entry);
        TRY(merkle_append(&tree, &p->leaves[i], NULL, NULL, why));
        from = p->ends[i] + (size_t)1;
    }
    p->root = merkle_root(&tree);
    return DONE;
}

static void join_part(struct reading *r, struct part *p)
{
    if (is_ok(r->outcome) && is_ok(p->outcome))
        p->outcome = audit_join(r->audit, &p->audit, p->leaves, p->count, &p->root, &p->why);
    if (is_ok(r->outcome) && !is_ok(p->outcome)) {
        r->outcome = p->outcome;
        if (r->why)
            *r->why = p->why;
    }
    r->next++;
    if (r->said && r->next % 16 == 0)
        r->said(r->self, r->audit->tree.size, r->bytes);
}

static void *work(void *reading)
{
    struct reading *r = reading;
    struct part *p = calloc(1, sizeof *p);
    if (p)
        buffer_init(&p->bytes, PART_BYTES_MAX);
    pthread_mutex_lock(&r->lock);
    for (;;) {
        struct why why = {0};
        result taken = !is_ok(r->outcome) ? r->outcome : p ? take_lines(r, p, &why) : FAIL(&why, LIMIT, "no memory for a part of the log");
        if (!is_ok(taken) && is_ok(r->outcome)) {
            /* Parts before this one may hold an earlier fault: they are joined first. */
            while (r->next < r->parts)
                pthread_cond_wait(&r->joined, &r->lock);
            if (is_ok(r->outcome)) {
                r->outcome = taken;
                if (r->why)
                    *r->why = why;
            }
        }
        if (!is_ok(taken) || p->count == 0)
            break;
        pthread_mutex_unlock(&r->lock);
        p->why = (struct why){0};
        p->outcome = check_part(p, &p->why);
        pthread_mutex_lock(&r->lock);
        while (r->next != p->number)
            pthread_cond_wait(&r->joined, &r->lock);
        join_part(r, p);
        pthread_cond_broadcast(&r->joined);
    }
    pthread_cond_broadcast(&r->joined);
    pthread_mutex_unlock(&r->lock);
    if (p)
        buffer_done(&p->bytes);
    free(p);
    return NULL;
}

result log_file_audit(const char *path, struct audit *a, log_file_said *said, void *self, struct why *why)
{
    struct reading r = {.audit = a, .why = why, .said = said, .self = self};
    pthread_t workers[WORKERS];
    unsigned count = 0;
    buffer_init(&r.ahead, PART_BYTES_MAX);
    r.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return FAIL(why, errno == ENOENT ? ABSENT : UNAVAILABLE, "%s cannot be read", path);
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.joined, NULL);
    while (count + 1 < WORKERS && pthread_create(&workers[count], NULL, work, &r) == 0)
        count++;
    work(&r); /* this thread is one of them: it goes on when no other can be had */
    for (unsigned i = 0; i < count; i++)
        pthread_join(workers[i], NULL);
    pthread_cond_destroy(&r.joined);
    pthread_mutex_destroy(&r.lock);
    buffer_done(&r.ahead);
    close(r.fd);
    return r.outcome;
}
