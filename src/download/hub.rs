//! Names on a model hub: [`HubName`] is `hf://OWNER/NAME[@REVISION][/FILE]`, [`Hub`] the hub as the hub's own variables
//! describe it, with the cache that its own tools keep on this machine.

use super::address::Address;
use std::path::PathBuf;

/// The hub that is meant where `HF_ENDPOINT` names no other.
const ENDPOINT: &str = "https://huggingface.co";
/// The file of a model that is meant where none is named; timm's models have it.
const FILE: &str = "model.safetensors";
/// The revision that is meant where none is named.
const REVISION: &str = "main";

/// A file of a model on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    pub owner: String,
    pub name: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    pub file: String,
}

impl HubName {
    /// Reads `hf://...`; none for any other address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that names it.
    pub fn parse(url: &str) -> Option<Result<Self, String>> {
        let mut parts = url.strip_prefix("hf://")?.splitn(3, '/');
        let owner = parts.next().unwrap_or_default();
        let (name, revision) = parts.next().map_or(("", None), |name| match name.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (name, None),
        });
        let file = parts.next().unwrap_or(FILE);
        let revision = revision.unwrap_or(REVISION);
        // These become parts of an address and of a path.
        let plain = |word: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.%+".contains(c);
            !word.is_empty() && !word.starts_with('.') && word.chars().all(known)
        };
        if [owner, name, revision].into_iter().chain(file.split('/')).all(plain) {
            let [owner, name, revision, file] = [owner, name, revision, file].map(str::to_owned);
            return Some(Ok(Self { owner, name, revision, file }));
        }
        Some(Err("names no model".to_owned()))
    }
}

/// What a model on the hub is called, for hints.
pub const HUB_NAMES: &str = "a model on the hub is hf://OWNER/NAME, or hf://OWNER/NAME@REVISION/FILE";

/// The hub, as the environment describes it.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    endpoint: Option<String>,
    cache: Option<PathBuf>,
    /// Whether it may not be asked.
    pub offline: bool,
    /// What it is told to let private and gated models be read.
    pub token: Option<String>,
}

impl Hub {
    /// `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN`, as the hub's own tools read them.
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let hub_home = || {
            let caches = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
            variable("HF_HOME").map(PathBuf::from).or_else(|| Some(caches?.join("huggingface")))
        };
        let is_on = |value: String| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str());
        Self {
            endpoint: variable("HF_ENDPOINT"),
            cache: variable("HF_HUB_CACHE").map(PathBuf::from).or_else(|| Some(hub_home()?.join("hub"))),
            offline: variable("HF_HUB_OFFLINE").is_some_and(is_on),
            token: variable("HF_TOKEN").map(|token| token.trim().to_owned()),
        }
    }

    /// Where to ask for a file, at a revision that may be another than the one named: a commit known by now.
    ///
    /// # Errors
    /// An endpoint that may not be asked: what is wrong with it.
    pub fn address(&self, name: &HubName, revision: &str) -> Result<Address, String> {
        let endpoint = self.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let HubName { owner, name, file, .. } = name;
        Address::parse(&format!("{endpoint}/{owner}/{name}/resolve/{revision}/{file}"))
            .map_err(|why| format!("HF_ENDPOINT is {endpoint}: {why}"))
    }

    /// Where the hub's own tools have put the file, and the commit it is of.
    pub fn cached(&self, name: &HubName, revision: &str) -> Option<(PathBuf, String)> {
        let folder = self.cache.as_ref()?.join(format!("models--{}--{}", name.owner, name.name));
        let commit = if is_commit(revision) {
            revision.to_owned()
        } else {
            std::fs::read_to_string(folder.join("refs").join(revision)).ok()?.trim().to_owned()
        };
        let file = folder.join("snapshots").join(&commit).join(&name.file);
        (is_commit(&commit) && file.is_file()).then_some((file, commit))
    }
}

/// 40 hex digits.
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> HubName {
        HubName::parse(url).expect("a hub name").expect("a good one")
    }

    fn hub(variables: &[(&str, &str)]) -> Hub {
        Hub::new(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn revision_and_file_may_be_named_or_left_out() {
        let parts = |url| {
            let HubName { owner, name, revision, file } = name(url);
            [owner, name, revision, file].join(" ")
        };
        assert_eq!(parts("hf://timm/resnet50.a1_in1k"), "timm resnet50.a1_in1k main model.safetensors");
        assert_eq!(parts("hf://o/n@v2"), "o n v2 model.safetensors");
        assert_eq!(parts("hf://o/n/deep/w.pth"), "o n main deep/w.pth");
        assert_eq!(parts("hf://o/n@refs%2Fpr%2F1/w.bin"), "o n refs%2Fpr%2F1 w.bin");
        assert_eq!(HubName::parse("https://o/n"), None);
    }

    #[test]
    fn what_names_no_model_or_leads_out_of_it_is_refused() {
        for url in [
            "hf://",
            "hf://o",
            "hf://o/",
            "hf:///n",
            "hf://o/n@",
            "hf://o/n/",
            "hf://../n",
            "hf://o/n/../x",
            "hf://o/n@../x",
            "hf://o/n?x=1",
        ] {
            assert_eq!(HubName::parse(url), Some(Err("names no model".to_owned())), "{url}");
        }
    }

    #[test]
    fn a_file_is_asked_for_where_the_endpoint_says() {
        let name = name("hf://timm/leaf");
        let address = hub(&[]).address(&name, "main").expect("an address").to_string();
        assert_eq!(address, "https://huggingface.co/timm/leaf/resolve/main/model.safetensors");
        let address = hub(&[("HF_ENDPOINT", "https://mirror.org/hub/")]).address(&name, "abc").expect("an address");
        assert_eq!(address.to_string(), "https://mirror.org/hub/timm/leaf/resolve/abc/model.safetensors");
        let error = hub(&[("HF_ENDPOINT", "http://mirror.org")]).address(&name, "main").expect_err("plain http");
        assert!(error.starts_with("HF_ENDPOINT is http://mirror.org: plain http"), "{error}");
    }

    #[test]
    fn what_the_hubs_own_tools_have_downloaded_is_found() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("hub/models--timm--leaf");
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let snapshot = folder.join("snapshots").join(commit);
        for (path, text) in [(folder.join("refs/main"), commit), (snapshot.join("model.safetensors"), "w")] {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
            std::fs::write(path, text).expect("writes");
        }
        let home = home.path().to_str().expect("UTF-8");
        let cache = format!("{home}/hub");
        let found = Some((snapshot.join("model.safetensors"), commit.to_owned()));
        for variables in [[("HF_HOME", home)], [("HF_HUB_CACHE", &cache)]] {
            let hub = hub(&variables);
            assert_eq!(hub.cached(&name("hf://timm/leaf"), "main"), found);
            assert_eq!(hub.cached(&name("hf://timm/leaf"), commit), found);
            assert_eq!(hub.cached(&name("hf://timm/leaf"), "v2"), None);
            assert_eq!(hub.cached(&name("hf://timm/leaf/other"), "main"), None);
            assert_eq!(hub.cached(&name("hf://timm/stem"), "main"), None);
        }
    }

    #[test]
    fn its_cache_lies_where_the_first_of_its_variables_says() {
        let cache = |variables: &[(&str, &str)]| hub(variables).cache.map(|path| path.display().to_string());
        assert_eq!(cache(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).as_deref(), Some("/x/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")]).as_deref(), Some("/f/hub"));
        assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]).as_deref(), Some("/c"));
        assert_eq!(cache(&[]), None);
    }

    #[test]
    fn offline_is_a_word_for_yes() {
        assert!(["1", "ON", "Yes", "true"].iter().all(|word| hub(&[("HF_HUB_OFFLINE", word)]).offline));
        assert!(["0", "off"].iter().all(|word| !hub(&[("HF_HUB_OFFLINE", word)]).offline));
        assert!(!hub(&[]).offline);
    }
}
