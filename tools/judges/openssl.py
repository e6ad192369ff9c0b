"""OpenSSL's verification, called in its library: a program for each certificate would take as long as all else."""

import ctypes
import ctypes.util

CRYPTO = ctypes.CDLL(ctypes.util.find_library("crypto"))
# X509_PURPOSE_SSL_CLIENT and X509_PURPOSE_SSL_SERVER of openssl/x509v3.h.
CLIENT, SERVER = 1, 2
# PEM_R_NO_START_LINE of openssl/pemerr.h: the end of a file.
NO_START_LINE = 108


def declared(name, result, *arguments):
    function = getattr(CRYPTO, name)
    function.restype, function.argtypes = result, arguments
    return function


POINTER, INTEGER = ctypes.c_void_p, ctypes.c_int
new_bio = declared("BIO_new_mem_buf", POINTER, ctypes.c_char_p, INTEGER)
free_bio = declared("BIO_free", INTEGER, POINTER)
read_pem = declared("PEM_read_bio_X509", POINTER, POINTER, POINTER, POINTER, POINTER)
read_der = declared("d2i_X509_bio", POINTER, POINTER, POINTER)
free_certificate = declared("X509_free", None, POINTER)
new_store = declared("X509_STORE_new", POINTER)
free_store = declared("X509_STORE_free", None, POINTER)
add_root = declared("X509_STORE_add_cert", INTEGER, POINTER, POINTER)
new_stack = declared("OPENSSL_sk_new_null", POINTER)
push = declared("OPENSSL_sk_push", INTEGER, POINTER, POINTER)
free_stack = declared("OPENSSL_sk_free", None, POINTER)
new_context = declared("X509_STORE_CTX_new", POINTER)
free_context = declared("X509_STORE_CTX_free", None, POINTER)
start = declared("X509_STORE_CTX_init", INTEGER, POINTER, POINTER, POINTER, POINTER)
set_moment = declared("X509_STORE_CTX_set_time", None, POINTER, ctypes.c_ulong, ctypes.c_long)
set_purpose = declared("X509_STORE_CTX_set_purpose", INTEGER, POINTER, INTEGER)
verify_certificate = declared("X509_verify_cert", INTEGER, POINTER)
error_of = declared("X509_STORE_CTX_get_error", INTEGER, POINTER)
error_text = declared("X509_verify_cert_error_string", ctypes.c_char_p, ctypes.c_long)
last_error = declared("ERR_peek_last_error", ctypes.c_ulong)
clear_errors = declared("ERR_clear_error", None)


class Unread(Exception):
    """OpenSSL does not read a file."""


def certificates(path):
    """Every certificate of a PEM file, for `free`."""
    text = path.read_bytes()
    bio, found = new_bio(text, len(text)), []
    clear_errors()
    while certificate := read_pem(bio, None, None, None):
        found.append(certificate)
    free_bio(bio)
    if last_error() & 0x7FFFFF != NO_START_LINE:
        free(found)
        raise Unread(f"{path.name}: OpenSSL does not read it")
    return found


def free(found):
    for certificate in found:
        free_certificate(certificate)


def leaf(path):
    der = path.read_bytes()
    bio = new_bio(der, len(der))
    certificate = read_der(bio, None)
    free_bio(bio)
    return certificate


def verify(certificate, roots, chain, moment, purpose=None):
    """Why a certificate is refused at a moment; None if it is not."""
    store, stack, context = new_store(), new_stack(), new_context()
    try:
        for root in roots:
            add_root(store, root)
        for issuer in chain:
            push(stack, issuer)
        start(context, store, certificate, stack)
        set_moment(context, 0, moment)
        if purpose is not None:
            set_purpose(context, purpose)
        if verify_certificate(context) == 1:
            return None
        return error_text(error_of(context)).decode()
    finally:
        free_context(context)
        free_stack(stack)
        free_store(store)
        clear_errors()


def judge(bundle, workload, moment):
    """Why OpenSSL refuses a bundle or a workload under it, and how many certificates it reads in each file."""
    files = {}
    try:
        for name in ("root-cert.pem", "ca-cert.pem", "cert-chain.pem"):
            files[name] = certificates(bundle / name)
        read = {name: len(found) for name, found in files.items()}
        roots, own, chain = files.values()
        if not roots or not own:
            return "no certificate", read
        if why := verify(own[0], roots, chain, moment):
            return why, read
        if workload.exists():
            certificate = leaf(workload)
            try:
                for purpose in (SERVER, CLIENT):
                    if why := certificate is None and "not read" or verify(certificate, roots, chain, moment, purpose):
                        return f"a workload: {why}", read
            finally:
                free_certificate(certificate)
        return None, read
    except Unread as unread:
        return str(unread), {}
    finally:
        for found in files.values():
            free(found)
