#include "engine/base/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/arena.h"

void sha256_open(struct sha256 *h) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* OpenSSL always has SHA-256: what fails is an allocation, of the context or of its parts. */
    if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) arena_exhausted(sizeof(struct sha256));
    h->context = context;
}

void sha256_update(struct sha256 *h, const void *data, size_t size) {
    if (!EVP_DigestUpdate(h->context, data, size)) BUG("a SHA-256 update failed");
}

void sha256_hex(struct sha256 *h, char hex[SHA256_HEX]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!EVP_DigestFinal_ex(h->context, digest, &size) || size != 32) BUG("a SHA-256 digest failed");
    EVP_MD_CTX_free(h->context);
    h->context = NULL;
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

enum status sha256_file(const char *path, char hex[SHA256_HEX]) {
    FILE *in = fopen(path, "rbe");
    if (!in) return status_errno("%s: cannot be opened", path);
    struct sha256 h;
    sha256_open(&h);
    char buffer[1 << 16];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0) sha256_update(&h, buffer, n);
    enum status st = ferror(in) ? status_errno("%s: cannot be read", path) : ST_OK;
    sha256_hex(&h, hex);
    fclose(in);
    return st;
}

void sha256_text(const char *text, char hex[SHA256_HEX]) {
    struct sha256 h;
    sha256_open(&h);
    sha256_update(&h, text, strlen(text));
    sha256_hex(&h, hex);
}
