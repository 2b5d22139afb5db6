#include "agents/link/messages.h"

#include "base/wire.h"

result link_ask_encode(const struct transport_request *r, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, (uint8_t)r->method, why));
    TRY(wire_u32(to, r->timeout_ms, why));
    TRY(wire_bytes(to, r->path, why));
    return wire_bytes(to, r->body, why);
}

bool link_ask_decode(struct slice bytes, struct transport_request *ret)
{
    struct reader r = reader_of(bytes);
    uint8_t method;
    uint32_t timeout_ms;
    struct slice path, body;
    if (!reader_u8(&r, &method) || method < TRANSPORT_GET || method > TRANSPORT_PUT || !reader_u32(&r, &timeout_ms) ||
        !reader_bytes(&r, TRANSPORT_PATH_MAX, &path) || !reader_bytes(&r, TRANSPORT_ANSWER_BYTES_MAX, &body) || !reader_ends(&r))
        return false;
    *ret = (struct transport_request){(enum transport_method)method, path, body, timeout_ms};
    return true;
}

result link_answer_encode(unsigned status, struct slice body, struct buffer *to, struct why *why)
{
    TRY(wire_u16(to, (uint16_t)status, why));
    return wire_bytes(to, body, why);
}

bool link_answer_decode(struct slice bytes, unsigned *ret_status, struct slice *ret_body)
{
    struct reader r = reader_of(bytes);
    uint16_t status;
    struct slice body;
    if (!reader_u16(&r, &status) || !reader_bytes(&r, TRANSPORT_ANSWER_BYTES_MAX, &body) || !reader_ends(&r))
        return false;
    *ret_status = status;
    *ret_body = body;
    return true;
}

result link_failure_encode(result r, const struct why *from, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, (uint8_t)r.code, why));
    return wire_str(to, from->text, why);
}

bool link_failure_decode(struct slice bytes, enum status *ret_status, struct slice *ret_text)
{
    struct reader r = reader_of(bytes);
    uint8_t status;
    struct slice text;
    if (!reader_u8(&r, &status) || status > BROKEN || !reader_bytes(&r, sizeof((struct why *)NULL)->text, &text) || !reader_ends(&r))
        return false;
    *ret_status = (enum status)status;
    *ret_text = text;
    return true;
}
