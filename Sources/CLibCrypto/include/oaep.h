#pragma once
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdint.h>
#include <string.h>

// RSAES-OAEP (RFC 8017 §7.1.1) with a label, for a public key given by its numbers. Returns the size of the
// ciphertext, or 0 when anything fails. The builder functions of OpenSSL 3 need owned pointers at every step, which reads
// better in C than in Swift.
static inline size_t tenpin_rsa_oaep_encrypt(const uint8_t *modulus, size_t modulus_size, uint32_t exponent,
                                             const char *digest, const uint8_t *label, size_t label_size,
                                             const uint8_t *input, size_t input_size, uint8_t *output,
                                             size_t output_size) {
    size_t written = 0;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *encrypt = NULL;
    OSSL_PARAM *numbers = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *import = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_size, NULL);
    void *own_label = OPENSSL_memdup(label, label_size);
    if (builder && import && n && own_label && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, exponent) &&
        (numbers = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(import) > 0 &&
        EVP_PKEY_fromdata(import, &key, EVP_PKEY_PUBLIC_KEY, numbers) > 0 &&
        (encrypt = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) && EVP_PKEY_encrypt_init(encrypt) > 0 &&
        EVP_PKEY_CTX_set_rsa_padding(encrypt, RSA_PKCS1_OAEP_PADDING) > 0 &&
        EVP_PKEY_CTX_set_rsa_oaep_md_name(encrypt, digest, NULL) > 0 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(encrypt, digest, NULL) > 0 &&
        EVP_PKEY_CTX_set0_rsa_oaep_label(encrypt, own_label, (int)label_size) > 0) {
        own_label = NULL; // now the context's
        size_t size = output_size;
        if (EVP_PKEY_encrypt(encrypt, output, &size, input, input_size) > 0) written = size;
    }
    OPENSSL_free(own_label);
    BN_free(n);
    OSSL_PARAM_free(numbers);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(import);
    EVP_PKEY_CTX_free(encrypt);
    EVP_PKEY_free(key);
    return written;
}
