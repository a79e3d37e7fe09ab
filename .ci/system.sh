#!/usr/bin/env bash
# Gets what the tests need and pip can't bring: a Chromium (tests marked `browser`) and a font with Chinese characters.
# Debian's packages, where we may install them. Elsewhere it says what to do; a missing browser is an error with CI=true.
# NO_APT=1 keeps it from installing anything.
set -euo pipefail

has_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return 0
  done
  [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || [ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

has_chinese_font() {
  "${PYTHON:-.venv/bin/python}" -c 'import sys; from curate.render.glyphs import font_for; sys.exit(font_for("解") is None)'
}

missing=()
has_browser || missing+=(chromium)
has_chinese_font || missing+=(fonts-wqy-microhei)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if [ -z "${NO_APT:-}" ] && command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
  echo "Installing Debian's ${missing[*]} for the tests ..."
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  "${as_root[@]}" apt-get update -qq >"$log" 2>&1 \
    && "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1 \
    || tail -n 5 "$log" >&2
  rm -f "$log"
fi

has_chinese_font || echo "No font with Chinese characters: one test is skipped (Debian: apt-get install fonts-wqy-microhei)."
if ! has_browser; then
  echo "No Chromium or Chrome: tests marked 'browser' need one (Debian: apt-get install chromium; macOS: Google Chrome)." >&2
  [ "${CI:-}" != true ] || exit 1
fi
