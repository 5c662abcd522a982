//! Sources that lie elsewhere: a server on this machine that may break off.

use crate::world::World;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The file served: 300 000 bytes.
fn content() -> Vec<u8> {
    (0..300_000u32).map(|number| b'a' + (number.wrapping_mul(number) % 23) as u8).collect()
}

const SHA256: &str = "383880e4521f22eb04483271e78df01254abcffde200ea0a86a5625caa13bbe0";

/// A server of one file that sends at most `most` bytes an answer, and the ranges it was asked for.
fn serve(most: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/models/leaf.txt", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ranges = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that breaks off ends its own answer only.
            let _ = answer(stream, most, &ranges);
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream, most: usize, ranges: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut range = String::new();
    let mut path = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if line.starts_with("GET ") {
            path.clone_from(&line);
        } else if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
            value.clone_into(&mut range);
        }
    }
    ranges.lock().expect("no panic").push(range.clone());
    if path.contains("absent") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let all = content();
    let start = range.strip_prefix("bytes=").and_then(|rest| rest.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
    let length = all.len() - start;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"one\"\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&all[start..(start + most).min(all.len())])
}

fn world(source: &str) -> World {
    World::fake(&format!(
        "[pipeline]\nname = 'p'\n[sources]\nfile = {source}\n[stages.first]\nkind = 'join'\ninputs = {{ parts = 'folder' }}\n\
         [stages.folder]\nkind = 'command'\ninputs = {{ from = 'file' }}\noutputs = {{ folder = 'text' }}\n\
         run = 'cp $PLANTPIPE_INPUT_FROM $PLANTPIPE_OUTPUT_FOLDER'\n"
    ))
}

#[test]
fn a_source_is_downloaded_once_and_held_against_its_digest() {
    let (address, asked) = serve(usize::MAX);
    let world = world(&format!("{{ url = '{address}', sha256 = '{SHA256}' }}"));
    assert_eq!(world.states(&[])[0], "folder blocked");
    let ended = world.ok(&["run"]);
    assert!(ended.stderr.contains(&format!("fetch   file    {address}")), "{}", ended.stderr);
    assert_eq!(world.read("cache/out/folder/folder/leaf.txt").as_bytes(), content());
    assert_eq!(world.run(&["--offline"]), [""; 0]);
    assert_eq!(asked.lock().expect("no panic").len(), 1);
}

#[test]
fn a_download_that_breaks_off_is_told_and_goes_on_where_it_stopped() {
    let (address, asked) = serve(110_000);
    let world = world(&format!("{{ url = '{address}', sha256 = '{SHA256}' }}"));
    for _ in 0..2 {
        let ended = world.go(&["run"]);
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.contains("source `file`: the download of http://127.0.0.1:"), "{}", ended.stderr);
        assert!(ended.stderr.contains("broke off"), "{}", ended.stderr);
        assert!(ended.stderr.contains("run again: it goes on from where it stopped"), "{}", ended.stderr);
    }
    assert_eq!(world.run(&[]), ["folder", "first"]);
    assert_eq!(world.read("cache/out/folder/folder/leaf.txt").as_bytes(), content());
    assert_eq!(*asked.lock().expect("no panic"), ["", "bytes=110000-", "bytes=220000-"]);
}

#[test]
fn a_file_that_is_not_the_one_wanted_is_refused_and_removed() {
    let (address, _) = serve(usize::MAX);
    let wrong = "0".repeat(64);
    let world = world(&format!("{{ url = '{address}', sha256 = '{wrong}' }}"));
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 5);
    assert!(ended.stderr.contains(&format!("its sha256 is {SHA256}, not {wrong}")), "{}", ended.stderr);
    assert_eq!(world.states(&[])[0], "folder blocked");
}

#[test]
fn what_cannot_be_downloaded_is_told_with_a_way_out() {
    let (address, _) = serve(usize::MAX);
    for (source, args, says) in [
        (address.replace("leaf", "absent"), &["run"][..], "the server answers 404"),
        ("http://127.0.0.1:9/x".to_owned(), &["run"], "cannot download http://127.0.0.1:9/x"),
        (address.clone(), &["run", "--offline"], "is not on this machine yet"),
        ("hf://leaf".to_owned(), &["run"], "hf://leaf names no model"),
    ] {
        let ended = world(&format!("'{source}'")).go(args);
        assert!([1, 2].contains(&ended.code), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
}

#[test]
fn a_hub_name_is_a_file_of_the_hub() {
    let (address, asked) = serve(usize::MAX);
    let world = world("'hf://timm/leaf@v2/leaf.txt'");
    let hub = address.strip_suffix("/models/leaf.txt").expect("its path");
    let ended = world.command(&["run"]).env("HF_ENDPOINT", hub).output().expect("starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(world.path("cache/out/folder/folder/leaf.txt").is_file());
    assert_eq!(asked.lock().expect("no panic").len(), 1);
}
