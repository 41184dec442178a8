#!/usr/bin/env bash
# Issues a token, as a messenger's account service would: issue-token.bash PRIVATE-KEY ACCOUNT VAULT [SECONDS]
#
# The key is made, and its public half given to the vault (--token-keys account.pub), by
#   openssl genpkey -algorithm ed25519 -out account.key
#   openssl pkey -in account.key -pubout -out account.pub
set -euo pipefail
shopt -s inherit_errexit

key=$1 account=$2 vault=$3 seconds=${4:-3600}
now=$(date +%s)
base64url() { basenc --base64url --wrap=0 | tr -d =; }

# ACCOUNT and VAULT go in as they are; a service in production has a JSON library write this.
header=$(printf '{"alg":"EdDSA","typ":"JWT"}' | base64url)
claims=$(printf '{"sub":"%s","aud":"%s","iat":%d,"exp":%d}' "$account" "$vault" "$now" $((now + seconds)) | base64url)

# openssl signs with Ed25519 only what lies in a file.
signed=$(mktemp)
trap 'rm -f -- "$signed"' EXIT
printf '%s.%s' "$header" "$claims" >"$signed"
printf '%s.%s.%s\n' "$header" "$claims" "$(openssl pkeyutl -sign -rawin -inkey "$key" -in "$signed" | base64url)"
