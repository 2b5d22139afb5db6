/*
 * innsyn-broker - the broker's program: makes a folder, makes the first operator, and runs the roles.
 * The order of `run`: settings, listening sockets, channels, and then the roles, each with its own part.
 */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/role.h"
#include "base/secret.h"
#include "broker/init.h"
#include "broker/keys/signer.h"
#include "broker/roles.h"
#include "proto/json.h"

enum { EXIT_USAGE = 2, PASSWORD_BYTES_MAX = 1024, LISTEN_QUEUE = 1024, MAIN_PATH_SIZE = 600 };

static const char usage[] =
    "usage: innsyn-broker init DIR --network NAME [--agents ADDR:PORT] [--people ADDR:PORT]\n"
    "                          [--store sqlite:PATH|postgres:CONNINFO] [--names NAME,...] [--portal DIR]\n"
    "                          [--agents-url URL] [--people-url URL]\n"
    "       innsyn-broker bootstrap DIR --account NAME --password-file FILE\n"
    "       innsyn-broker run DIR\n"
    "       innsyn-broker mail DIR --url smtp[s]://HOST:PORT --from ADDRESS [--tls required|none] [--user NAME\n"
    "                          --password-file FILE] [--ca FILE]      (then start it again; --url \"\" ends it)\n"
    "       innsyn-broker renew-server DIR      (then start it again)\n"
    "       innsyn-broker successor DIR [--checkpoint NOTE]      (the log is to be followed by another: what the root keys sign)\n"
    "       innsyn-broker succeed DIR --trust FILE                (with the signed trust document; then start it again)\n"
    "       innsyn-broker version\n";

/* --- words of the command line ------------------------------------------------------------------------------ */

struct option_word {
    const char *name; /* "--network" */
    const char **to;
};

static result read_options(int argc, char **argv, const struct option_word *known, struct why *why)
{
    for (int i = 0; i < argc; i += 2) {
        const struct option_word *o = known;
        while (o->name && strcmp(o->name, argv[i]) != 0)
            o++;
        if (!o->name)
            return FAIL(why, MALFORMED, "'%s' is no option of this command", argv[i]);
        if (i + 1 == argc)
            return FAIL(why, MALFORMED, "%s needs a value", argv[i]);
        *o->to = argv[i + 1];
    }
    return DONE;
}

static result copy_word(const char *from, char *to, size_t size, const char *what, struct why *why)
{
    if (!slice_copy_str(slice_str(from), to, size))
        return FAIL_AT(why, MALFORMED, what, "at most %zu bytes", size - 1);
    return DONE;
}

/* The portal beside the program's build folder, or where it was installed; "" when there is none. */
static void find_portal(char *to, size_t size)
{
    static const char *const places[] = {"../broker/portal", "../share/innsyn/portal"};
    char exe[MAIN_PATH_SIZE], path[MAIN_PATH_SIZE + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    to[0] = '\0';
    if (n <= 0)
        return;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", exe, places[i]);
        char *whole = realpath(path, NULL);
        if (whole && to[0] == '\0')
            (void)slice_copy_str(slice_str(whole), to, size);
        free(whole);
    }
}

/* --- commands ------------------------------------------------------------------------------------------------- */

static result command_init(const char *dir, int argc, char **argv, struct why *why)
{
    const char *network = NULL, *agents = "127.0.0.1:8443", *people = "127.0.0.1:8444", *store = NULL, *names = "localhost,127.0.0.1",
               *portal = NULL, *agents_url = "", *people_url = "";
    const struct option_word known[] = {{"--network", &network}, {"--agents", &agents}, {"--people", &people}, {"--store", &store},
                                        {"--names", &names},     {"--portal", &portal}, {"--agents-url", &agents_url},
                                        {"--people-url", &people_url}, {NULL, NULL}};
    const struct host *host = host_real();
    struct broker_settings s = {0};
    char sqlite[MAIN_PATH_SIZE];
    TRY(read_options(argc, argv, known, why));
    if (!network)
        return FAIL(why, MALFORMED, "--network is needed");
    TRY(host_make_folder(host, dir, 0700, why));
    char *whole = realpath(dir, NULL);
    result r = whole ? copy_word(whole, s.dir, sizeof s.dir, "DIR", why) : FAIL(why, UNAVAILABLE, "%s: %s", dir, strerror(errno));
    free(whole);
    TRY(r);
    (void)snprintf(sqlite, sizeof sqlite, "sqlite:%s/innsyn.db", s.dir);
    find_portal(s.portal_dir, sizeof s.portal_dir);
    if (portal)
        TRY(copy_word(portal, s.portal_dir, sizeof s.portal_dir, "--portal", why));
    TRY(copy_word(network, s.network, sizeof s.network, "--network", why));
    TRY(copy_word(agents, s.agents_listen, sizeof s.agents_listen, "--agents", why));
    TRY(copy_word(people, s.people_listen, sizeof s.people_listen, "--people", why));
    TRY(copy_word(agents_url, s.agents_url, sizeof s.agents_url, "--agents-url", why));
    TRY(copy_word(people_url, s.people_url, sizeof s.people_url, "--people-url", why));
    TRY(copy_word(store ? store : sqlite, s.store, sizeof s.store, "--store", why));
    TRY(copy_word(names, s.names, sizeof s.names, "--names", why));
    TRY(broker_init(host, &s, why));
    (void)printf("made %s\nfor the trust ceremony: %s/broker-public.json\n", s.dir, s.dir);
    return DONE;
}

static result command_bootstrap(const char *dir, int argc, char **argv, struct why *why)
{
    const char *account = NULL, *file = NULL;
    const struct option_word known[] = {{"--account", &account}, {"--password-file", &file}, {NULL, NULL}};
    struct broker_settings s;
    struct buffer password CLEANUP(buffer_wipe) = {0};
    buffer_init(&password, PASSWORD_BYTES_MAX);
    TRY(read_options(argc, argv, known, why));
    if (!account || !file)
        return FAIL(why, MALFORMED, "--account and --password-file are needed");
    TRY(broker_settings_read(host_real(), dir, &s, why));
    TRY(host_read_file(host_real(), file, PASSWORD_BYTES_MAX, &password, why));
    struct slice text = buffer_slice(&password);
    while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    return core_bootstrap(host_real(), &s, slice_str(account), text, why);
}

static result command_renew_server(const char *dir, int argc, char **argv, struct why *why)
{
    const char *names = NULL;
    const struct option_word known[] = {{"--names", &names}, {NULL, NULL}};
    struct broker_settings s;
    TRY(read_options(argc, argv, known, why));
    TRY(broker_settings_read(host_real(), dir, &s, why));
    if (names) {
        TRY(copy_word(names, s.names, sizeof s.names, "--names", why));
        TRY(broker_settings_write(host_real(), &s, why));
    }
    TRY(broker_renew_server(host_real(), &s, why));
    (void)printf("a new server certificate for %s; start the broker again to use it\n", s.names);
    return DONE;
}

static result command_successor(const char *dir, int argc, char **argv, struct why *why)
{
    const char *file = NULL;
    const struct option_word known[] = {{"--checkpoint", &file}, {NULL, NULL}};
    struct broker_settings s;
    struct checkpoint here;
    struct succession next;
    struct buffer note CLEANUP(buffer_done) = {0};
    char root[2 * HASH_LEN + 1];
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(read_options(argc, argv, known, why));
    TRY(broker_settings_read(host_real(), dir, &s, why));
    if (file)
        TRY(host_read_file(host_real(), file, CHECKPOINT_NOTE_MAX, &note, why));
    TRY(core_log_at(host_real(), &s, &here, why));
    TRY(broker_successor(host_real(), &s, &here, buffer_slice(&note), &next, why));
    hash_print(&next.last.root, root);
    (void)printf("The log %s ends at %llu entries, root %s.\nIts successor %s begins with the first %llu of them", next.old_log.name,
                 (unsigned long long)next.last.size, root, next.new_log.name, (unsigned long long)next.start.size);
    if (next.start.size < next.last.size)
        (void)printf("; %llu ENTRIES ARE LOST.\nIf any site or auditor holds a newer checkpoint, run this again with --checkpoint NOTE: a site that holds\n"
                     "more than this document says will not go over",
                     (unsigned long long)(next.last.size - next.start.size));
    (void)printf(".\nNext, with the root keys:\n  innsyn trust sign %s/succession.json --key ROOTKEY\n"
                 "  innsyn trust make --version N --broker-public %s/successor-public.json --succession %s/succession.json ...\n"
                 "and then here: innsyn-broker succeed %s --trust FILE\n", s.dir, s.dir, s.dir, s.dir);
    return DONE;
}

static result prepare(void *signer, const struct trust *t, const struct checkpoint *here, struct why *why)
{
    return signer_prepare(signer, t, here, why);
}

/* The store first, then keys' memory of the trust document: a crash between is mended by running it again. */
static result command_succeed(const char *dir, int argc, char **argv, struct why *why)
{
    const char *file = NULL;
    const struct option_word known[] = {{"--trust", &file}, {NULL, NULL}};
    struct broker_settings s;
    struct signer signer;
    struct buffer trust CLEANUP(buffer_done) = {0};
    buffer_init(&trust, 2 * TRUST_BYTES_MAX);
    TRY(read_options(argc, argv, known, why));
    if (!file)
        return FAIL(why, MALFORMED, "--trust is needed");
    TRY(broker_settings_read(host_real(), dir, &s, why));
    TRY(host_read_file(host_real(), file, 2 * TRUST_BYTES_MAX, &trust, why));
    TRY(signer_open(host_real(), s.dir, s.network, &signer, why));
    result r = core_take_trust(host_real(), &s, buffer_slice(&trust), prepare, &signer, why);
    if (is_ok(r))
        r = signer_keep_trust(&signer, buffer_slice(&trust), why);
    signer_done(&signer);
    TRY(r);
    (void)printf("The trust document is taken; start the broker again.\n");
    return DONE;
}

/* Where notifications are submitted.  The password stays in its file, which the process that sends reads. */
static result command_mail(const char *dir, int argc, char **argv, struct why *why)
{
    const char *url = NULL, *from = "", *tls = "required", *user = "", *password = "", *ca = "";
    const struct option_word known[] = {{"--url", &url}, {"--from", &from}, {"--tls", &tls}, {"--user", &user},
                                        {"--password-file", &password}, {"--ca", &ca}, {NULL, NULL}};
    struct broker_settings s;
    TRY(read_options(argc, argv, known, why));
    if (!url)
        return FAIL(why, MALFORMED, "--url is needed");
    TRY(broker_settings_read(host_real(), dir, &s, why));
    TRY(copy_word(url, s.mail_url, sizeof s.mail_url, "--url", why));
    TRY(copy_word(from, s.mail_from, sizeof s.mail_from, "--from", why));
    TRY(copy_word(tls, s.mail_tls, sizeof s.mail_tls, "--tls", why));
    TRY(copy_word(user, s.mail_user, sizeof s.mail_user, "--user", why));
    TRY(copy_word(password, s.mail_password_file, sizeof s.mail_password_file, "--password-file", why));
    TRY(copy_word(ca, s.mail_ca, sizeof s.mail_ca, "--ca", why));
    TRY(broker_settings_check_mail(&s, why));
    TRY(broker_settings_write(host_real(), &s, why));
    (void)printf(url[0] ? "notifications go to %s; start the broker again to use it\n" : "no notifications are sent%s\n", url);
    return DONE;
}

/* --- run ---------------------------------------------------------------------------------------------------------- */

struct running {
    struct broker_settings settings;
    int agents_fd, people_fd;
    struct keys_start keys;
    struct core_start core;
    struct mail_start mail;
    struct net_start nets[NET_PROCESSES_MAX];
    struct role roles[NET_PROCESSES_MAX + 3];
    unsigned role_count;
};

/* "127.0.0.1:8443", "[::1]:0": an address, never a name to be looked up. */
static result bind_address(const char *text, const char *what, int *ret_fd, struct why *why)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
    struct slice name = slice_of(text, colon ? (size_t)(colon - text) : 0);
    if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
        name = slice_part(name, 1, name.len - 1);
    if (!slice_copy_str(name, host, sizeof host) || name.len == 0 || getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return FAIL_AT(why, MALFORMED, what, "'%s' is not an address and a port, as in 127.0.0.1:8443", text);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                 setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, LISTEN_QUEUE) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!bound) {
        if (fd >= 0)
            (void)close(fd);
        return FAIL_AT(why, UNAVAILABLE, what, "cannot listen on %s: %s", text, strerror(error));
    }
    *ret_fd = fd;
    return DONE;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port) : ntohs(((struct sockaddr_in *)&at)->sin_port);
}

static void fill_url(char *url, size_t size, const char *listen_on, int fd)
{
    struct slice address = slice_of(listen_on, (size_t)(strrchr(listen_on, ':') - listen_on));
    bool any = slice_is(address, "0.0.0.0") || slice_is(address, "[::]");
    if (url[0] == '\0')
        (void)snprintf(url, size, "https://%.*s:%u", any ? 9 : (int)address.len, any ? "localhost" : listen_on, port_of(fd));
}

static result write_ports(const struct running *r, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    char path[MAIN_PATH_SIZE];
    buffer_init(&text, 1024);
    json_set(tree, "agents", json_of_integer(port_of(r->agents_fd)));
    json_set(tree, "people", json_of_integer(port_of(r->people_fd)));
    TRY(json_print(tree, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    (void)snprintf(path, sizeof path, "%s/ports.json", r->settings.dir);
    return host_write_file(host_real(), path, 0644, buffer_slice(&text), why);
}

static result add_net(struct running *r, unsigned index, struct why *why)
{
    int pair[2];
    TRY(channel_pair(pair, why));
    r->core.net_fds[index] = pair[0];
    r->nets[index] = (struct net_start){&r->settings, r->agents_fd, r->people_fd, pair[1], index};
    r->roles[r->role_count++] = (struct role){"net", net_main, &r->nets[index], {r->agents_fd, r->people_fd, pair[1], -1}};
    return DONE;
}

static result arrange(struct running *r, const char *dir, struct why *why)
{
    int pair[2];
    struct broker_settings *s = &r->settings;
    TRY(broker_settings_read(host_real(), dir, s, why));
    TRY(bind_address(s->agents_listen, "/agents_listen", &r->agents_fd, why));
    TRY(bind_address(s->people_listen, "/people_listen", &r->people_fd, why));
    fill_url(s->agents_url, sizeof s->agents_url, s->agents_listen, r->agents_fd);
    fill_url(s->people_url, sizeof s->people_url, s->people_listen, r->people_fd);
    TRY(channel_pair(pair, why));
    r->keys = (struct keys_start){s, pair[1]};
    r->core = (struct core_start){.settings = s, .net_count = s->net_processes, .keys_fd = pair[0], .mail_fd = -1};
    r->roles[r->role_count++] = (struct role){"keys", keys_main, &r->keys, {pair[1], -1}};
    struct role core = {"core", core_main, &r->core, {pair[0], -1}};
    for (unsigned i = 0; i < s->net_processes; i++) {
        TRY(add_net(r, i, why));
        core.keep_fds[i + 1] = r->core.net_fds[i];
        core.keep_fds[i + 2] = -1;
    }
    if (s->mail_url[0]) {
        TRY(channel_pair(pair, why));
        r->mail = (struct mail_start){s, pair[1]};
        r->core.mail_fd = pair[0];
        core.keep_fds[s->net_processes + 1] = pair[0];
        core.keep_fds[s->net_processes + 2] = -1;
        r->roles[r->role_count++] = (struct role){"mail", mail_main, &r->mail, {pair[1], -1}};
    }
    r->roles[r->role_count++] = core;
    return write_ports(r, why);
}

static result command_run(const char *dir, int argc, char **argv, int *ret_status, struct why *why)
{
    static struct running r; /* the roles point into it until the program ends */
    char pids[MAIN_PATH_SIZE];
    const struct option_word known[] = {{NULL, NULL}};
    TRY(read_options(argc, argv, known, why));
    TRY(arrange(&r, dir, why));
    (void)snprintf(pids, sizeof pids, "%s/pids", r.settings.dir);
    *ret_status = roles_run(r.roles, r.role_count, pids);
    return DONE;
}

static result run_command(int argc, char **argv, int *ret_status, struct why *why)
{
    const char *command = argv[1], *dir = argv[2];
    int rest = argc - 3;
    char **words = argv + 3;
    if (strcmp(command, "init") == 0)
        return command_init(dir, rest, words, why);
    if (strcmp(command, "bootstrap") == 0)
        return command_bootstrap(dir, rest, words, why);
    if (strcmp(command, "mail") == 0)
        return command_mail(dir, rest, words, why);
    if (strcmp(command, "renew-server") == 0)
        return command_renew_server(dir, rest, words, why);
    if (strcmp(command, "successor") == 0)
        return command_successor(dir, rest, words, why);
    if (strcmp(command, "succeed") == 0)
        return command_succeed(dir, rest, words, why);
    if (strcmp(command, "run") == 0)
        return command_run(dir, rest, words, ret_status, why);
    return FAIL(why, MALFORMED, "'%s' is no command", command);
}

int main(int argc, char **argv)
{
    struct why why = {0};
    int status = 0;
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        (void)puts("innsyn-broker " INNSYN_VERSION);
        return 0;
    }
    if (argc < 3) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    log_init(host_real(), "main", LOG_NOTICE);
    result r = run_command(argc, argv, &status, &why);
    if (is_ok(r))
        return status;
    (void)fprintf(stderr, "innsyn-broker: %s%s%s\n", why.field, why.field[0] ? ": " : "", why.text);
    if (r.code == MALFORMED)
        (void)fputs(usage, stderr);
    return r.code == MALFORMED ? EXIT_USAGE : EXIT_FAILURE;
}
