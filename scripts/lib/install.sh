# What the tests need from outside Cargo: system programs, the official clients from PyPI and npm.
# Sourced, never run. As root on Debian missing packages are installed; anyone else is told.

clients=tests/clients
venv=target/venv

# Whether a program is there.
have() { command -v "$1" >/dev/null 2>&1; }

need_rust() {
  have cargo || die "cargo is missing" \
    "Install Rust with rustup; rust-toolchain.toml then brings the right version by itself."
  cargo fmt --version >/dev/null 2>&1 || die "rustfmt is missing" "rustup component add rustfmt"
  cargo clippy --version >/dev/null 2>&1 || die "clippy is missing" "rustup component add clippy"
  have cc || die "a C compiler is missing (SQLite is built from source)" "apt-get install gcc libc6-dev"
}

# need_packages REASON PACKAGE...: Debian packages that are missing.
need_packages() {
  local reason="$1"
  shift
  if [[ $EUID -ne 0 ]] || ! have apt-get; then
    die "$reason" "Install it, for example: sudo apt-get install $*"
  fi
  note "installing $*"
  if ! apt_install "$@"; then
    # The package lists may be old or absent.
    apt-get -qq update
    apt_install "$@"
  fi
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" \
    </dev/null >/dev/null
}

need_programs() {
  if ! have ffprobe || ! have ffmpeg; then need_packages "ffprobe and ffmpeg are missing" ffmpeg; fi
  have curl || need_packages "curl is missing" curl
  have openssl || need_packages "openssl is missing" openssl
  have python3 || need_packages "Python 3 is missing" python3
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
    || die "Python 3.10 or later is needed, $(python3 --version) is there"
  python3 -c 'import ensurepip, venv' 2>/dev/null \
    || need_packages "Python's venv module is missing" python3-venv
  compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1" >/dev/null \
    || need_packages "libfaketime (which steps the clock of a server under test) is missing" libfaketime
  have node || need_packages "Node.js is missing" nodejs
  have npm || need_packages "npm is missing" npm
  have go || need_packages "Go is missing" golang-go
  have chromium || need_packages "Chromium is missing" chromium
  have certutil || need_packages "certutil (which makes a browser trust) is missing" libnss3-tools
}

# stamp FILE...: one line that changes when a file (or its reader) does.
stamp() { cat "$@" | cksum; }

install_python() {
  local now mark="$venv/installed"
  now="$(stamp "$clients/requirements.txt") $(python3 --version)"
  if [[ -f $mark && "$(cat "$mark")" == "$now" ]]; then
    note "Python clients are there ($venv)"
    return
  fi
  note "installing the Python clients into $venv"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  # --no-deps: the file lists everything, and leaves out the SDKs of 200 other products.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$clients/requirements.txt"
  echo "$now" >"$mark"
}

install_node() {
  local now mark="$clients/node_modules/.installed"
  now="$(stamp "$clients/package.json" "$clients/package-lock.json") $(node --version)"
  if [[ -f $mark && "$(cat "$mark")" == "$now" ]]; then
    note "Node clients are there ($clients/node_modules)"
    return
  fi
  note "installing the Node clients into $clients/node_modules"
  (cd "$clients" && npm ci --silent --no-audit --no-fund --no-update-notifier </dev/null)
  echo "$now" >"$mark"
}

install_all() {
  local since=$SECONDS
  heading "what the tests need"
  need_rust
  need_programs
  install_python
  install_node
  note "ready after $((SECONDS - since)) s"
}
