/// Whose behaviour a part of a proxy has, where Pushpin's and the hub's differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// That of `gripware-hub`: nothing that was accepted is lost in silence.
    #[default]
    Hub,
    /// That of Pushpin 1.36 to 1.41.
    Pushpin,
}
