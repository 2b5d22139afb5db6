/* access.c - who may ask, as data: access rules, organisations, training and terms. */
#include "client/command.h"

#include <stdio.h>

int policy_show(struct client *c, const struct arguments *a)
{
    (void)a;
    return show_document(c, "/v1/policy");
}

int policy_publish(struct client *c, const struct arguments *a)
{
    struct json *rules CLEANUP(json_freep) = NULL;
    int code = client_read_json(c, a->words[0], &rules);
    return code == EXIT_DONE ? send_and_show(c, &(struct call){.method = "PUT", .path = "/v1/policy", .body = rules}) : code;
}

int organisations_show(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"name", "name"}, {"kind", "kind"}, {"country", "country"}, {"number", "number"}, {"mandate", "mandate"}};
    return show_list(c, "/v1/organisations", columns, 6);
}

int organisation_add(struct client *c, const struct arguments *a)
{
    static const char *const needed[] = {"name", "kind", "country"};
    struct why why = {0};
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "id", json_of_str(a->words[0]));
    for (size_t i = 0; i < 3; i++) {
        const char *value;
        if (arguments_need(a, needed[i], &value, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
        json_set(body, needed[i], json_of_str(value));
    }
    if (arguments_value(a, "number"))
        json_set(body, "number", json_of_str(arguments_value(a, "number")));
    if (arguments_flag(a, "mandate"))
        json_set(body, "mandate", json_of_bool(true));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/organisations", .body = body});
}

static int training(struct client *c, const struct arguments *a, bool withdrawn)
{
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "account", json_of_str(a->words[0]));
    json_set(body, "training", json_of_str(a->words[1]));
    if (withdrawn)
        json_set(body, "withdrawn", json_of_bool(true));
    else if (arguments_value(a, "until"))
        json_set(body, "until", json_of_str(arguments_value(a, "until")));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/training", .body = body});
}

int training_record(struct client *c, const struct arguments *a)
{
    return training(c, a, false);
}

int training_withdraw(struct client *c, const struct arguments *a)
{
    return training(c, a, true);
}

static int terms(struct client *c, const struct arguments *a, bool withdrawn)
{
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "terms", json_of_str(a->words[0]));
    if (withdrawn)
        json_set(body, "withdrawn", json_of_bool(true));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/terms", .body = body});
}

int terms_agree(struct client *c, const struct arguments *a)
{
    return terms(c, a, false);
}

int terms_withdraw(struct client *c, const struct arguments *a)
{
    return terms(c, a, true);
}

int attestations_show(struct client *c, const struct arguments *a)
{
    static const struct list_column columns[] = {{"training", "training"}, {"terms", "terms"}, {"at", "at"}, {"until", "until"}, {"by", "by"}};
    struct why why = {0};
    struct label account;
    char path[CALL_PATH_MAX] = "/v1/attestations";
    if (a->word_count && label_parse(slice_str(a->words[0]), &account, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    if (a->word_count)
        (void)snprintf(path, sizeof path, "/v1/attestations?account=%s", account.text);
    return show_list(c, path, columns, 5);
}
