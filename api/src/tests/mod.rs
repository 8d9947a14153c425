mod described;
mod problems;
