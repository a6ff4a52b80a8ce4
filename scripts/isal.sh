# shellcheck shell=bash
# Whether ISA-L can be built here, the library of the feature `isal`.
can_isal() {
  local tool
  for tool in autoconf automake libtoolize make nasm; do
    command -v "$tool" >/dev/null || return 1
  done
}
