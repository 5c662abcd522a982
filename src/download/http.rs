//! One question to a server and its answer: [`get`] follows redirects, tells a token to its own server only, and asks for
//! the rest of a file where the beginning is here.

use super::address::Address;
use std::io::Read;
use std::time::Duration;
use ureq::http::{Response, StatusCode};

/// More redirects than this lead nowhere.
const REDIRECTS: usize = 10;

/// What is here already of a file, and the tag of the content it is of.
#[derive(Debug)]
pub struct Beginning {
    pub bytes: u64,
    pub tag: String,
}

/// What a server answered.
pub struct Answer {
    pub content: Content,
    /// Promises the same bytes for the same tag.
    pub tag: Option<String>,
    /// The commit that the hub took the file from.
    pub revision: Option<String>,
}

/// Which part of the file comes.
pub enum Content {
    /// All of it, from the first byte.
    Whole { length: Option<u64>, body: Box<dyn Read> },
    /// What follows the beginning.
    Rest { length: Option<u64>, body: Box<dyn Read> },
    /// Nothing: the beginning was all.
    Nothing,
    /// Something that does not fit the beginning: ask for all of it.
    Misfit,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// The server could not be reached or understood, or sends round in circles: the end of a sentence.
    Unreachable(String),
    /// The server, named, answers with a status that is no success.
    Status { server: Address, status: StatusCode },
}

/// Asks for a file. The token goes to `address`'s own server and to no other.
pub fn get(address: &Address, beginning: Option<&Beginning>, token: Option<&str>) -> Result<Answer, Refusal> {
    let agent = agent();
    let mut path = vec![address.clone()];
    let mut revision = None;
    loop {
        let server = path.last().expect("it starts with the address").clone();
        let response = ask(&agent, &server, beginning, token.filter(|_| server.is_of(address)))?;
        if server.is_of(address) {
            revision = revision.or_else(|| header(&response, "x-repo-commit"));
        }
        if response.status().is_redirection() {
            path.push(next(&path, &response)?);
            continue;
        }
        return answer(server, response, beginning, revision);
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_mins(1)))
        .user_agent(concat!("plantpipe/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn ask(
    agent: &ureq::Agent,
    server: &Address,
    beginning: Option<&Beginning>,
    token: Option<&str>,
) -> Result<Response<ureq::Body>, Refusal> {
    let mut request = agent.get(server.uri().clone()).header("Accept-Encoding", "identity");
    if let Some(Beginning { bytes, tag }) = beginning {
        request = request.header("Range", format!("bytes={bytes}-")).header("If-Range", tag);
    }
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.call().map_err(|error| Refusal::Unreachable(error.to_string()))
}

/// Where the last answer sends to.
fn next(path: &[Address], response: &Response<ureq::Body>) -> Result<Address, Refusal> {
    let lost = |why: String| Err(Refusal::Unreachable(why));
    let last = path.last().expect("it starts with the address");
    let Some(location) = header(response, "location") else {
        return lost(format!("{last} redirects without saying where to"));
    };
    let next = last.redirect(&location).map_err(Refusal::Unreachable)?;
    if path.contains(&next) {
        let way: Vec<String> = path.iter().chain([&next]).map(ToString::to_string).collect();
        return lost(format!("it redirects in a circle: {}", way.join(" -> ")));
    }
    if path.len() > REDIRECTS {
        return lost(format!("it redirects more than {REDIRECTS} times, the last time to {next}"));
    }
    Ok(next)
}

fn answer(
    server: Address,
    response: Response<ureq::Body>,
    beginning: Option<&Beginning>,
    revision: Option<String>,
) -> Result<Answer, Refusal> {
    // A weak tag does not promise the same bytes.
    let tag = header(&response, "etag").filter(|tag| !tag.starts_with("W/"));
    let length = header(&response, "content-length").and_then(|length| length.parse().ok());
    let range = header(&response, "content-range");
    let status = response.status();
    let body = || -> Box<dyn Read> { Box::new(response.into_body().into_reader()) };
    let content = match (status, beginning) {
        (StatusCode::PARTIAL_CONTENT, Some(beginning)) if starts_at(range.as_deref(), beginning.bytes) => {
            Content::Rest { length, body: body() }
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(beginning)) if is_all(range.as_deref(), beginning.bytes) => {
            Content::Nothing
        }
        (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => Content::Misfit,
        (StatusCode::OK, _) => Content::Whole { length, body: body() },
        _ => return Err(Refusal::Status { server, status }),
    };
    Ok(Answer { content, tag, revision })
}

/// Whether `bytes 100-199/200` starts at this byte.
fn starts_at(range: Option<&str>, byte: u64) -> bool {
    range.is_some_and(|range| range.starts_with(&format!("bytes {byte}-")))
}

/// Whether `bytes */200` says that there are just so many bytes.
fn is_all(range: Option<&str>, bytes: u64) -> bool {
    range == Some(&format!("bytes */{bytes}"))
}

fn header(response: &Response<ureq::Body>, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
