//! A project directory for the benchmarks: an archive to read, and a configuration.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::mail::message;

/// Writes an mbox of so many messages; returns its bytes.
pub(crate) fn mbox(path: &Path, messages: u64) -> io::Result<u64> {
    let mut out = io::BufWriter::new(std::fs::File::create(path)?);
    for n in 0..messages {
        write!(out, "From ann@example.com Mon Mar  1 10:00:00 2021\n{}\n", message(n).replace("\r\n", "\n"))?;
    }
    out.flush()?;
    Ok(path.metadata()?.len())
}

/// A directory of its own, with a configuration that reads one source and writes what partners are on to the archive.
pub(crate) fn project(dir: &Path, kind: &str, path: &str, partners: &[&str]) -> PathBuf {
    let file = dir.join("mailferry.toml");
    let partner = |name: &&str| {
        let domain = name.to_lowercase();
        format!("[[partner]]\nname = {name:?}\ndomains = [\"{domain}.example\"]\nchannel = \"ext-{domain}\"\ntrusted = true\n")
    };
    let partners: String = partners.iter().map(partner).collect();
    let text = format!(
        "state = \"state\"\n[organisation]\nname = \"Our Co\"\ndomains = [\"ourco.example\"]\n\
         [[source]]\nname = \"history\"\nkind = {kind:?}\npath = {path:?}\n\
         [[destination]]\nname = \"archive\"\nkind = \"archive\"\npath = \"channels\"\n{partners}"
    );
    std::fs::write(&file, text).unwrap();
    file
}
