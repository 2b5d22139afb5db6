/*
 * CMS over OpenSSL, which wants a recipient's certificate where we have a key: a nameless one is made around the
 * key and thrown away; of it the message keeps an empty issuer and serial number 1, and no reader looks at them.
 */
#include "proto/crypto_cms.h"

#include "base/secret.h"
#include "proto/crypto_key.h"

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void bio_freep(BIO **b)
{
    BIO_free(*b);
}

static void cms_freep(CMS_ContentInfo **c)
{
    CMS_ContentInfo_free(*c);
}

static result no_cms(struct why *why)
{
    return FAIL(why, UNAVAILABLE, "the message could not be sealed: %s", openssl_says());
}

static X509 *around(EVP_PKEY *key)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) && X509_set_pubkey(x, key))
        return x;
    X509_free(x);
    return NULL;
}

static bool add_reader(CMS_ContentInfo *cms, X509 *reader)
{
    CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, reader, CMS_KEY_PARAM);
    EVP_PKEY_CTX *context = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;
    return context && EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) > 0;
}

static result append(BIO *bio, struct buffer *to, struct why *why)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    return len > 0 ? buffer_add(to, slice_of(at, (size_t)len), why) : no_cms(why);
}

result cms_seal(const struct public_key *to, struct slice plain, struct buffer *ret, struct why *why)
{
    struct public_key checked;
    if (!plain.len || plain.len > CMS_PLAIN_MAX)
        return FAIL(why, LIMIT, "a sealed message holds 1 to %d bytes", CMS_PLAIN_MAX);
    TRY(public_key_parse(slice_of(to->der, to->der_len), &checked, why));
    const unsigned char *der = checked.der;
    EVP_PKEY *key CLEANUP(pkey_freep) = d2i_PUBKEY(NULL, &der, (long)checked.der_len);
    X509 *reader CLEANUP(x509_freep) = key ? around(key) : NULL;
    BIO *in CLEANUP(bio_freep) = BIO_new_mem_buf(plain.at, (int)plain.len), *out CLEANUP(bio_freep) = BIO_new(BIO_s_mem());
    unsigned flags = CMS_BINARY | CMS_PARTIAL;
    CMS_ContentInfo *cms CLEANUP(cms_freep) = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags);
    if (!reader || !in || !out || !cms || !add_reader(cms, reader) || !CMS_final(cms, in, NULL, flags) || !i2d_CMS_bio(out, cms))
        return no_cms(why);
    return append(out, ret, why);
}

result cms_open(const struct signing_key *key, struct slice sealed, struct buffer *ret, struct why *why)
{
    if (!sealed.len || sealed.len > CMS_SEALED_MAX)
        return FAIL(why, MALFORMED, "a sealed message has 1 to %d bytes", CMS_SEALED_MAX);
    BIO *in CLEANUP(bio_freep) = BIO_new_mem_buf(sealed.at, (int)sealed.len), *out CLEANUP(bio_freep) = BIO_new(BIO_s_secmem());
    CMS_ContentInfo *cms CLEANUP(cms_freep) = in ? d2i_CMS_bio(in, NULL) : NULL;
    bool good = cms && out && OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData &&
                CMS_decrypt(cms, signing_key_openssl(key), NULL, NULL, out, CMS_BINARY) > 0;
    ERR_clear_error();
    if (!good)
        return FAIL(why, MALFORMED, "not a sealed message for this key");
    char *at;
    long len = BIO_get_mem_data(out, &at);
    if (len <= 0 || len > CMS_PLAIN_MAX)
        return FAIL(why, MALFORMED, "not a sealed message for this key");
    return buffer_add(ret, slice_of(at, (size_t)len), why);
}
