#!/usr/bin/env bash
# Runs tests under sanitizers, in a build of its own.
#
#   tests/sanitize.sh            AddressSanitizer (leaks too) and UndefinedBehaviorSanitizer: a choice
#                                of C++ tests that takes about a minute, and every Lua operation once
#   tests/sanitize.sh all        the same with all C++ tests, but for those of many dimensions or items
#   tests/sanitize.sh thread     ThreadSanitizer over the tests of threads
#   tests/sanitize.sh valgrind   every Lua operation under valgrind's memcheck, in the ordinary build/
#
# A defect in the library or the tests ends in a report and exit code 1. What is not of this project is
# left out by the suppressions beside this file.
set -euo pipefail
