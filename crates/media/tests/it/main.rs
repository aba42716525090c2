//! The tests of crate `media`, in one binary to link once.

#[cfg(test)]
mod apply;
#[cfg(test)]
mod attached;
#[cfg(test)]
mod classes;
#[cfg(test)]
mod clips;
#[cfg(test)]
mod commit;
#[cfg(test)]
mod cover;
#[cfg(test)]
mod delete;
#[cfg(test)]
mod destroyed;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hls;
#[cfg(test)]
mod late;
#[cfg(test)]
mod live;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod modify;
#[cfg(test)]
mod multipart;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod payload;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod put;
#[cfg(test)]
mod search;
#[cfg(test)]
mod spent;
mod sweep;
#[cfg(test)]
mod together;
#[cfg(test)]
mod world;
