//! Embeds the locked version of every crate, so that a stage's recipe can name the versions it computes with.

use std::fmt::Write as _;
use std::{env, fs, path::Path};

fn main() {
    let lock = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("Cargo.lock");
    println!("cargo:rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock).expect("Cargo.lock lies beside Cargo.toml");
    let document: toml::Table = text.parse().expect("Cargo.lock is TOML");
    let mut table = String::from("&[\n");
    for package in document["package"].as_array().expect("packages") {
        writeln!(table, "    ({}, {}),", package["name"], package["version"]).expect("writes to a string");
    }
    table.push(']');
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("locked.rs");
    fs::write(out, table).expect("writes the table");
}
