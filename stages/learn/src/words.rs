//! How much, how fast and which, in the words of notes and errors: [`counted`], [`speed`], [`few`].

use std::time::Duration;

/// `1 photograph`, `2 photographs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `7.3 images/s`, `412 images/s`.
pub(crate) fn speed(images: usize, time: Duration) -> String {
    let speed = images as f64 / time.as_secs_f64().max(1e-9);
    if speed < 9.95 { format!("{speed:.1} images/s") } else { format!("{speed:.0} images/s") }
}

/// `` `a` ``, `` `a` and `b` ``, `` `a`, `b` and `c` ``; of many the first six, and how many more.
pub(crate) fn few(names: &[String]) -> String {
    const MOST: usize = 6;
    let listed: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match (listed.as_slice(), names.len() - listed.len()) {
        ([only], 0) => only.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (_, more) => format!("{} and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "map")), ["0 maps", "1 map", "2 maps"]);
    }

    #[test]
    fn a_slow_speed_has_a_decimal() {
        let told = |images, millis| speed(images, Duration::from_millis(millis));
        assert_eq!(
            [told(73, 10_000), told(100, 10_000), told(999, 100)],
            ["7.3 images/s", "10 images/s", "9990 images/s"]
        );
    }

    #[test]
    fn of_many_names_six_are_told() {
        let names = |words: &str| few(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(names("a"), "`a`");
        assert_eq!(names("a b c"), "`a`, `b` and `c`");
        assert_eq!(names("a b c d e f g h"), "`a`, `b`, `c`, `d`, `e`, `f` and 2 more");
    }
}
