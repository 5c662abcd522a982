//! A small server on this machine: [`Server`] hears a request and gives whatever the test says.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub path: String,
    /// Where it asks to begin.
    pub from: Option<usize>,
    pub if_range: Option<String>,
    pub authorization: Option<String>,
    /// How many came before it.
    pub number: usize,
}

/// A server, and all that it has been asked.
pub struct Server {
    pub address: String,
    heard: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gives the bytes of the whole reply, head included; the connection is closed after them.
    pub fn start(answer: impl Fn(&Request) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = hears.lock().expect("no panic").len();
                let Ok(request) = read(&stream, number) else { continue };
                hears.lock().expect("no panic").push(request.clone());
                // A client that breaks off ends its own answer only.
                let _ = (&stream).write_all(&answer(&request));
            }
        });
        Self { address, heard }
    }

    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().expect("no panic").clone()
    }

    /// Where each request asked to begin.
    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.heard().iter().map(|request| request.from).collect()
    }
}

fn read(stream: &TcpStream, number: usize) -> std::io::Result<Request> {
    let mut request = Request { number, ..Request::default() };
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut request.path);
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        let value = value.to_owned();
        match name.to_lowercase().as_str() {
            "range" => request.from = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok(),
            "if-range" => request.if_range = Some(value),
            "authorization" => request.authorization = Some(value),
            _ => {}
        }
    }
    Ok(request)
}

/// A head and a body.
pub fn reply(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A server's answer that does as it should with a file, its ranges and its tag.
pub fn file(request: &Request, content: &[u8], tag: &str) -> Vec<u8> {
    let matches = request.if_range.as_deref().is_none_or(|wanted| wanted == tag);
    let all = content.len();
    match request.from.filter(|_| matches) {
        Some(from) if from < all => {
            let range = format!("bytes {from}-{}/{all}", all - 1);
            reply("206 Partial Content", &[("ETag", tag), ("Content-Range", &range)], &content[from..])
        }
        Some(_) => reply("416 Range Not Satisfiable", &[("Content-Range", &format!("bytes */{all}"))], &[]),
        None => reply("200 OK", &[("ETag", tag)], content),
    }
}

/// An answer that breaks off after so many bytes of its body.
pub fn cut(mut reply: Vec<u8>, bytes: usize) -> Vec<u8> {
    let head = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    reply.truncate(head + bytes);
    reply
}

pub fn redirect(to: &str) -> Vec<u8> {
    reply("302 Found", &[("Location", to)], &[])
}
