//! Holds the documentation to the program: what docs/ shows is run, what it lists is compared.

#[cfg(test)]
mod container;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod markdown;
#[cfg(test)]
mod receivers;
#[cfg(test)]
mod stage;
