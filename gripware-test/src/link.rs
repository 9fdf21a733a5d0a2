/// The path and query that a link leads to, seen from the path of the response that it came with.
pub(crate) fn resolve(current: &str, link: &str) -> String {
    if let Some((_, behind)) = link.split_once("://") {
        return behind
            .find('/')
            .map_or("/", |start| behind.get(start..).unwrap_or("/"))
            .to_owned();
    }
    let path = current.split('?').next().unwrap_or_default();
    if link.starts_with('/') {
        return link.to_owned();
    }
    if link.starts_with('?') {
        return format!("{path}{link}");
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (mut folder, mut link) = (folder.to_owned(), link);
    loop {
        if let Some(rest) = link.strip_prefix("./") {
            link = rest;
        } else if let Some(rest) = link.strip_prefix("../") {
            link = rest;
            folder.truncate(folder.rfind('/').unwrap_or(0));
        } else {
            return format!("{folder}/{link}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_from_where_it_stands() {
        for (link, path) in [
            ("/n?a=1", "/n?a=1"),
            ("n", "/a/n"),
            ("./n", "/a/n"),
            ("../n", "/n"),
            ("../../n", "/n"),
            ("?after=2", "/a/b?after=2"),
            ("https://example.com/n", "/n"),
            ("https://example.com", "/"),
        ] {
            assert_eq!(resolve("/a/b?c=/d/", link), path, "{link}");
        }
    }
}
