use std::borrow::Cow;

/// Fills in a template: `%%` is `%`, and of `%x` and `%(argument)x` the `value` is put in place, of
/// the letter `x` and the argument. In an argument a backslash takes the next byte as it is.
///
/// Nothing where the template is broken, where there is no value, or where it becomes longer than
/// `limit` bytes.
pub(super) fn fill<'v>(
    template: &[u8],
    limit: usize,
    value: impl Fn(u8, Option<&[u8]>) -> Option<Cow<'v, [u8]>>,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(template.len().min(limit));
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (plain, directive) = rest.split_at_checked(at)?;
        out.extend_from_slice(plain);
        let mut bytes = directive.get(1..)?.iter().copied();
        match bytes.next()? {
            b'%' => out.push(b'%'),
            b'(' => {
                let mut argument = Vec::new();
                loop {
                    match bytes.next()? {
                        b')' => break,
                        b'\\' => argument.push(bytes.next()?),
                        byte => argument.push(byte),
                    }
                }
                out.extend_from_slice(&value(bytes.next()?, Some(&argument))?);
            }
            letter => out.extend_from_slice(&value(letter, None)?),
        }
        if out.len() > limit {
            return None;
        }
        rest = directive.get(directive.len() - bytes.len()..)?;
    }
    out.extend_from_slice(rest);
    (out.len() <= limit).then_some(out)
}
