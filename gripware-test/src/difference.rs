use gripware_core::proxy::Instruction;

/// What differs between two instructions, leaving the two responses aside.
pub(crate) fn difference(one: &Instruction, other: &Instruction) -> Option<String> {
    let parts = |it: &Instruction| {
        [
            ("mode", format!("{:?}", it.mode())),
            ("channels", format!("{:?}", it.channels())),
            ("timeout", format!("{:?}", it.timeout())),
            ("keep-alive", format!("{:?}", it.keep_alive())),
            ("meta", format!("{:?}", it.metas())),
            ("next link", format!("{:?}", it.next())),
            ("next link's timeout", format!("{:?}", it.next_timeout())),
            ("gone link", format!("{:?}", it.gone())),
        ]
    };
    let pairs = parts(one).into_iter().zip(parts(other));
    let differing: Vec<_> = pairs
        .filter(|((_, mine), (_, others))| mine != others)
        .map(|((name, mine), (_, others))| format!("{name}: {mine}, and not {others}"))
        .collect();
    (!differing.is_empty()).then(|| differing.join("\n"))
}

#[cfg(test)]
mod tests {
    use gripware_core::Hold;

    use super::*;

    #[test]
    fn what_differs_is_named() {
        let one = Instruction::of(&Hold::stream("a")).unwrap();
        let other = Instruction::of(&Hold::stream("b")).unwrap();
        assert_eq!(difference(&one, &one), None);
        let difference = difference(&one, &other).unwrap();
        assert!(difference.starts_with("channels: "), "{difference}");
    }
}
