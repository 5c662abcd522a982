//! Which addresses are asked: [`Address`], https anywhere, plain http on this machine only, and where a redirect leads.

use std::fmt;
use std::net::IpAddr;
use ureq::http::Uri;

/// An address that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    /// # Errors
    /// What is wrong with it, as the end of a sentence that names it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // What follows `#` is for the reader, not for the server.
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|error| format!("this is no address ({error})"))?;
        let address = Self(uri);
        match (address.scheme(), address.host()) {
            (_, "") => Err("this address names no server".to_owned()),
            ("https", _) => Ok(address),
            ("http", host) if is_loopback(host) => Ok(address),
            ("http", _) => {
                Err("plain http is asked on this machine only: anybody on the way could change what comes; \
                                say https://"
                    .to_owned())
            }
            _ => Err("this address is neither https:// nor hf://".to_owned()),
        }
    }

    /// Where a redirect from here leads: an address of its own, or one relative to this.
    ///
    /// # Errors
    /// As [`Address::parse`], and where it leads from https to plain http.
    pub fn redirect(&self, location: &str) -> Result<Self, String> {
        let base = format!("{}://{}", self.scheme(), self.authority());
        let path = self.0.path();
        let target = if location.starts_with("//") {
            format!("{}:{location}", self.scheme())
        } else if location.starts_with('/') {
            format!("{base}{location}")
        } else if location.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':')) {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{base}{path}{location}")
        } else {
            format!("{base}{}{location}", &path[..=path.rfind('/').unwrap_or(0)])
        };
        let next = Self::parse(&target).map_err(|why| format!("it redirects to {target}: {why}"))?;
        if self.scheme() == "https" && next.scheme() == "http" {
            return Err(format!("it redirects from https to plain http, {next}"));
        }
        Ok(next)
    }

    /// Whether the same server is asked in the same way: what one may be told, the other may be told too.
    pub fn is_of(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.authority().eq_ignore_ascii_case(other.authority())
    }

    /// All of it, for the request.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

/// For sentences: without the query, which may hold a signature that is nobody's business.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.0.path())
    }
}

/// 127.0.0.0/8, `::1`, `localhost`.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn https_is_asked_anywhere_and_plain_http_on_this_machine_only() {
        for good in ["https://example.org/x", "http://127.0.0.1:8000/x", "http://127.9.9.9/", "http://[::1]:80/x"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        assert!(Address::parse("http://LocalHost/x").is_ok());
        for bad in ["http://example.org/x", "http://128.0.0.1/", "http://localhost.example.org/", "http://[::2]/"] {
            assert!(
                Address::parse(bad).expect_err(bad).starts_with("plain http is asked on this machine only"),
                "{bad}"
            );
        }
        for bad in ["ftp://example.org/x", "https:///x", "https://exa mple.org/", "leaf"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_is_an_address_of_its_own_or_relative_to_the_one_before() {
        let from = address("https://hub.org/models/leaf?x=1");
        for (location, to) in [
            ("https://cdn.org/a?sig=2", "https://cdn.org/a?sig=2"),
            ("//cdn.org/a", "https://cdn.org/a"),
            ("/other/b", "https://hub.org/other/b"),
            ("b?y=http://z", "https://hub.org/models/b?y=http://z"),
            ("?y=2", "https://hub.org/models/leaf?y=2"),
            ("/a#part", "https://hub.org/a"),
        ] {
            assert_eq!(from.redirect(location).expect("leads on"), address(to), "{location}");
        }
        assert_eq!(address("https://hub.org").redirect("b").expect("leads on"), address("https://hub.org/b"));
    }

    #[test]
    fn no_redirect_leads_from_https_to_plain_http() {
        let from = address("https://hub.org/leaf");
        assert!(from.redirect("http://127.0.0.1/leaf").expect_err("refused").contains("from https to plain http"));
        assert!(from.redirect("http://cdn.org/leaf").expect_err("refused").contains("plain http is asked on"));
        assert!(address("http://localhost/leaf").redirect("https://cdn.org/leaf").is_ok());
        assert!(address("http://localhost/leaf").redirect("http://cdn.org/leaf").is_err());
        assert!(from.redirect("file:///etc/passwd").is_err());
    }

    #[test]
    fn the_same_server_is_the_same_scheme_host_and_port() {
        let hub = address("https://hub.org/a");
        assert!(hub.is_of(&address("https://HUB.org/b")));
        for other in ["https://hub.org:444/a", "https://cdn.hub.org/a", "https://hub.org.evil.org/a"] {
            assert!(!hub.is_of(&address(other)), "{other}");
        }
    }

    #[test]
    fn a_signature_is_not_shown() {
        assert_eq!(address("https://cdn.org/a?sig=secret").to_string(), "https://cdn.org/a");
    }
}
