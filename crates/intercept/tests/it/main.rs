//! The proxy over real sockets: what it carries, and what hostile clients get.

#[cfg(test)]
mod bed;
#[cfg(test)]
mod carried;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod passed;
