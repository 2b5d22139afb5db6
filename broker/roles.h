/*
 * roles.h - the entry points of the broker's processes, and the settings they are given.
 * main.c reads the settings, opens what must be opened, forks the roles; each role then owns its part.
 */
#ifndef INNSYN_BROKER_ROLES_H
#define INNSYN_BROKER_ROLES_H

#include "base/host.h"
#include "base/slice.h"

enum { NET_PROCESSES_MAX = 8 };

/* Read from <dir>/broker.json (strict JSON; written by `innsyn-broker init`). */
struct broker_settings {
    char dir[256];            /* the broker's folder */
    char network[64];
    char agents_listen[64];   /* "127.0.0.1:8443"; port 0: any, written to <dir>/ports.json */
    char people_listen[64];
    char agents_url[200];     /* what agents are told; when empty in the file, main.c fills both in from
                               * the addresses bound, before the roles start */
    char people_url[200];
    char store[400];          /* "sqlite:<path>" or "postgres:<conninfo>" */
    char portal_dir[256];     /* static files; empty: none */
    char names[400];          /* of the server certificate: "localhost,127.0.0.1" */
    unsigned net_processes;   /* 1..NET_PROCESSES_MAX */
    unsigned poll_wait_ms_max;
    unsigned lease_ms;        /* a task not finished by then is handed out again */
    unsigned query_deadline_ms; /* a query ends at the earlier of this and its expires */
    /* Mail submission; with an empty mail_url no notification is written and no process sends. */
    char mail_url[200];       /* "smtp://mail.example.org:587", or smtps:// */
    char mail_tls[16];        /* "required" (STARTTLS; default) or "none" */
    char mail_from[255];
    char mail_user[128];      /* empty: the server asks for no login */
    char mail_password_file[256];
    char mail_ca[256];        /* certificates of the server's CA; empty: the system's */
};
/* dir is made absolute.  ABSENT: no broker there.  MALFORMED: with the path in the file and the rule. */
MUST_CHECK result broker_settings_read(const struct host *host, const char *dir, struct broker_settings *ret, struct why *why);

/* MALFORMED: what is set of mail does not go together. */
MUST_CHECK result broker_settings_check_mail(const struct broker_settings *settings, struct why *why);
MUST_CHECK result broker_settings_write(const struct host *host, const struct broker_settings *settings, struct why *why);

struct core_start {
    const struct broker_settings *settings;
    int net_fds[NET_PROCESSES_MAX]; /* channels to net processes */
    unsigned net_count;
    int keys_fd;
    int mail_fd;  /* -1: no mail */
};
int core_main(void *core_start); /* broker/core/main.c */

/* The certificate (PEM) of the CA that issued the broker's own server certificates, in <dir>:
 * core hands it out inside enrolment tokens. */
#define SERVER_CA_FILE "server-ca.pem"
/* The rest of <dir>: what net and keys read at their start. */
#define SITE_CA_FILE "site-ca.pem"
#define SERVER_CERTIFICATE_FILE "tls/server.pem"
#define SERVER_KEY_FILE "tls/server-key.pem"
#define LOG_KEY_FILE "keys/log.pem"
#define SEAL_KEY_FILE "keys/seal.pem"
#define SITE_CA_KEY_FILE "keys/site-ca.pem"
#define SERVER_CA_KEY_FILE "keys/server-ca.pem" /* read by init and renew-server alone */

/* Offline, while no broker runs: migrates the store and makes the first operator account.
 * DENIED: an operator is there already.  MALFORMED: not an account name, or a password too short. */
MUST_CHECK result core_bootstrap(const struct host *host, const struct broker_settings *settings,
                                 struct slice account, struct slice password, struct why *why);

/* Offline too.  How many entries the store's log holds, and their root. */
struct checkpoint;
struct trust;
MUST_CHECK result core_log_at(const struct host *host, const struct broker_settings *settings, struct checkpoint *ret, struct why *why);
/* Takes the trust document after the one the store holds, in one transaction with its entries; `prepare` is asked first,
 * with what the log holds (NULL: the store holds this version already, and nothing is written). */
typedef result core_prepare_fn(void *self, const struct trust *t, const struct checkpoint *here, struct why *why);
MUST_CHECK result core_take_trust(const struct host *host, const struct broker_settings *settings, struct slice text,
                                  core_prepare_fn *prepare, void *self, struct why *why);

struct keys_start {
    const struct broker_settings *settings;
    int core_fd;
};
int keys_main(void *keys_start); /* broker/keys/keys.c */

struct net_start {
    const struct broker_settings *settings;
    int agents_fd, people_fd; /* listening sockets */
    int core_fd;
    unsigned index;
};
int net_main(void *net_start); /* broker/net/net.c */

struct mail_start {
    const struct broker_settings *settings;
    int core_fd;
};
int mail_main(void *mail_start); /* broker/mail/mail.c */

#endif
