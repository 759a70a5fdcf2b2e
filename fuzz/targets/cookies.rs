//! The cookies of a login and its session: a `Set-Cookie` in each line.

#![no_main]

use apikit::backend::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzzing::cookies(input));
