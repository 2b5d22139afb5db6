#include "policy/attachment.h"

#include <stdio.h>

enum { ZIP_END_MAX = 65557, PDF_END_MAX = 1024, ALLOWED_TEXT_MAX = 400 };

/* Which names a type may have; text is told apart by its name, since a table is text too. */
static const struct {
    const char *type, *ending;
} ENDINGS[] = {
    {"application/pdf", ".pdf"},
    {"image/png", ".png"},
    {"image/jpeg", ".jpg"},
    {"image/jpeg", ".jpeg"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
    {"text/plain", ".txt"},
    {"text/plain", ".csv"},
    {"text/plain", ".md"},
};
enum { ENDING_COUNT = sizeof ENDINGS / sizeof ENDINGS[0] };

/* --- what it is --- */

static bool has(struct slice s, const char *text)
{
    return s.at && memmem(s.at, s.len, text, strlen(text)) != NULL;
}

static bool begins(struct slice s, const char *bytes, size_t len)
{
    return s.len >= len && memcmp(s.at, bytes, len) == 0;
}

static struct slice last(struct slice s, size_t len)
{
    return slice_part(s, s.len > len ? s.len - len : 0, s.len);
}

/* The names of a zip's parts stand in its central directory, at the end; a document with macros has a vbaProject. */
static const char *office_type(struct slice content)
{
    if (!begins(content, "PK\3\4", 4) || !has(last(content, ZIP_END_MAX), "PK\5\6") || !has(content, "[Content_Types].xml") || has(content, "vbaProject"))
        return NULL;
    if (has(content, "word/document.xml"))
        return ENDINGS[4].type;
    return has(content, "xl/workbook.xml") ? ENDINGS[5].type : NULL;
}

static uint8_t lower(uint8_t b)
{
    return b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
}

/* Text that a browser or a shell would take for a program is none. */
static bool is_plain_text(struct slice content)
{
    static const char *const programs[] = {"<!doctype", "<html", "<?xml", "<svg", "<script", "#!"};
    if (content.len == 0 || !slice_is_utf8(content))
        return false;
    for (size_t i = 0; i < content.len; i++)
        if ((content.at[i] < 0x20 && !strchr("\t\n\r\f", content.at[i])) || content.at[i] == 0 || content.at[i] == 0x7f)
            return false;
    struct slice text = begins(content, "\xef\xbb\xbf", 3) ? slice_part(content, 3, content.len) : content;
    while (text.len && strchr(" \t\r\n", text.at[0]))
        text = slice_part(text, 1, text.len);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        size_t n = 0;
        while (programs[i][n] && n < text.len && lower(text.at[n]) == (uint8_t)programs[i][n])
            n++;
        if (!programs[i][n])
            return false;
    }
    return true;
}

const char *attachment_type(struct slice content)
{
    if (begins(content, "%PDF-", 5))
        return has(last(content, PDF_END_MAX), "%%EOF") ? "application/pdf" : NULL;
    if (begins(content, "\x89PNG\r\n\x1a\n", 8))
        return has(last(content, 16), "IEND") ? "image/png" : NULL;
    if (begins(content, "\xff\xd8\xff", 3))
        return begins(last(content, 2), "\xff\xd9", 2) ? "image/jpeg" : NULL;
    if (begins(content, "PK", 2))
        return office_type(content);
    return is_plain_text(content) ? "text/plain" : NULL;
}

/* --- may it be --- */

/* Marks that turn the direction of writing make "exe.pdf" of "fdp.exe". */
static bool turns(struct slice rest)
{
    return rest.len >= 3 && rest.at[0] == 0xe2 &&
           ((rest.at[1] == 0x80 && (rest.at[2] >= 0xaa || rest.at[2] == 0x8e || rest.at[2] == 0x8f)) || (rest.at[1] == 0x81 && rest.at[2] >= 0xa6 && rest.at[2] <= 0xa9));
}

static result check_name(struct slice name, struct why *why)
{
    bool good = name.len > 0 && name.len <= ATTACHMENT_NAME_MAX && slice_is_utf8(name) && name.at[0] != '.' && name.at[0] != ' ' &&
                name.at[name.len - 1] != '.' && name.at[name.len - 1] != ' ';
    for (size_t i = 0; good && i < name.len; i++)
        good = name.at[i] >= 0x20 && name.at[i] != 0x7f && !strchr("/\\:*?\"<>|", name.at[i]) && !turns(slice_part(name, i, name.len)) &&
               !(name.at[i] == '.' && i + 1 < name.len && name.at[i + 1] == '.');
    return good ? DONE : FAIL_AT(why, MALFORMED, "name", "must be a plain file's name of 1 to %d bytes, without path, '..' or control characters", ATTACHMENT_NAME_MAX);
}

static bool ends_as(struct slice name, const char *ending)
{
    size_t len = strlen(ending);
    for (size_t i = 0; i < len; i++)
        if (name.len <= len || lower(name.at[name.len - len + i]) != (uint8_t)ending[i])
            return false;
    return true;
}

static result say_types(const char *type, struct why *why)
{
    char allowed[ALLOWED_TEXT_MAX] = "";
    size_t len = 0;
    for (size_t i = 0; i < ENDING_COUNT; i++)
        if (!type || strcmp(ENDINGS[i].type, type) == 0)
            len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s%s", len ? ", " : "", ENDINGS[i].ending);
    return type ? FAIL_AT(why, MALFORMED, "name", "the content is %s: the name must end in %s", type, allowed)
                : FAIL_AT(why, MALFORMED, "content", "the content is of no type that is taken (%s, without macros)", allowed);
}

result attachment_check(const struct json *form, struct slice name, struct slice content, const char **ret_type, struct why *why)
{
    const struct json *rule = json_get(form, "attachments"), *types = json_get(rule, "types");
    int64_t bytes_max = json_integer(json_get(rule, "bytes"));
    const char *type = attachment_type(content);
    bool taken = false, named = false;
    TRY(check_name(name, why));
    if (content.len > (size_t)bytes_max || content.len > ATTACHMENT_BYTES_MAX)
        return FAIL_CODE(why, LIMIT, "too_large", "content", "an attachment has at most %lld bytes", (long long)bytes_max);
    for (size_t i = 0; type && i < json_size(types); i++)
        taken = taken || slice_is(json_text(json_item(types, i)), type);
    if (!taken)
        return say_types(NULL, why);
    for (size_t i = 0; i < ENDING_COUNT; i++)
        named = named || (strcmp(ENDINGS[i].type, type) == 0 && ends_as(name, ENDINGS[i].ending));
    if (!named)
        return say_types(type, why);
    *ret_type = type;
    return DONE;
}
