//! A login page: its media type in the first line, and then its bytes.

#![no_main]

use apikit::backend::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzzing::login_page(input));
