//! Pictures as HTML, embedded in the page: [`figure`] with its caption, [`gallery`] of small ones, [`image`] alone.

use super::inline::{escape, html};
use super::svg;
use crate::report::document::{Picture, Thumbnail};
use crate::report::folder::Folder;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantpipe_stage::{Error, Result};

/// A picture and its caption.
pub(super) fn figure(picture: &Picture, folder: &Folder) -> Result<String> {
    let caption = escape(&picture.caption);
    Ok(format!(
        "<figure>\n<div class=\"scroll\">{}</div>\n<figcaption>{caption}</figcaption>\n</figure>\n",
        image(&picture.link, &picture.caption, folder)?
    ))
}

/// Small pictures side by side, each with its caption.
pub(super) fn gallery(pictures: &[Thumbnail], folder: &Folder) -> Result<String> {
    let mut written = String::from("<ul class=\"gallery\">\n");
    for picture in pictures {
        written.push_str(&format!(
            "<li><figure>{}<figcaption>{}</figcaption></figure></li>\n",
            image(&picture.link, &picture.alt, folder)?,
            html(&picture.caption)
        ));
    }
    Ok(written + "</ul>\n")
}

/// A picture, with its text alternative: a plain SVG as a part of the page, whatever else as data.
///
/// # Errors
/// A file that a browser would not show.
pub(super) fn image(link: &str, alt: &str, folder: &Folder) -> Result<String> {
    let bytes = folder.read(link)?;
    let extension = link.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let media = match extension.as_str() {
        "svg" => "svg+xml",
        "jpg" | "jpeg" => "jpeg",
        "png" => "png",
        "webp" => "webp",
        _ => return Err(Error::new(format!("the picture `{link}` is not a .jpg, .png, .svg or .webp"))),
    };
    if media == "svg+xml"
        && let Some(element) = std::str::from_utf8(&bytes).ok().and_then(|text| svg::inline(text, alt))
    {
        return Ok(element);
    }
    let data = STANDARD.encode(bytes);
    Ok(format!("<img alt=\"{}\" src=\"data:image/{media};base64,{data}\">", escape(alt)))
}
