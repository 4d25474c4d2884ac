# Reads inputs as JSON, computes the same quantities with R's own packages, writes JSON.
# Rscript studies/with_r.R inputs.json results.json
suppressPackageStartupMessages({
  library(jsonlite)
  library(survey)
  library(coin)
})
paths <- commandArgs(trailingOnly = TRUE)
inputs <- fromJSON(paths[1], simplifyVector = TRUE)
level <- inputs$level

share <- function(one) {
  # The share of a sum is the mean of the units' shares, weighted by their sizes.
  kept <- one$whole > 0
  units <- data.frame(y = one$part[kept] / one$whole[kept], w = one$whole[kept])
  design <- svydesign(ids = ~1, weights = ~w, data = units)
  found <- svyciprop(~y, design, method = "beta", level = level)
  list(value = as.numeric(found), low = attr(found, "ci")[[1]], high = attr(found, "ci")[[2]])
}

ratio <- function(one) {
  kept <- one$whole > 0
  units <- data.frame(part = one$part[kept], whole = one$whole[kept])
  design <- svydesign(ids = ~1, weights = ~1, data = units)
  sums <- svytotal(~part + whole, design)
  logged <- svycontrast(sums, quote(log(part / whole)))
  limits <- exp(confint(logged, level = level, df = nrow(units) - 1))
  list(value = sum(units$part) / sum(units$whole), low = limits[1], high = limits[2])
}

difference <- function(one) {
  # Newcombe's hybrid score interval: Zou and Donner's formula with Wilson's limits.
  score <- function(x, n) prop.test(x, n, conf.level = level, correct = FALSE)$conf.int
  p <- one$x / one$n
  a <- score(one$x[1], one$n[1])
  b <- score(one$x[2], one$n[2])
  d <- p[2] - p[1]
  list(
    wilson = rbind(as.numeric(a), as.numeric(b)),
    value = d,
    low = d - sqrt((p[2] - b[1])^2 + (a[2] - p[1])^2),
    high = d + sqrt((b[2] - p[2])^2 + (p[1] - a[1])^2)
  )
}

permutation <- function(one) {
  hidden <- c(one$first$hidden, one$second$hidden)
  whole <- c(one$first$engagements, one$second$engagements)
  groups <- factor(rep(c("first", "second"), c(length(one$first$hidden), length(one$second$hidden))))
  left <- hidden - sum(hidden) / sum(whole) * whole
  list(
    exact = as.numeric(pvalue(oneway_test(left ~ groups, distribution = exact()))),
    normal = as.numeric(pvalue(oneway_test(left ~ groups)))
  )
}

results <- list(
  versions = list(
    R = as.character(getRversion()),
    survey = as.character(packageVersion("survey")),
    coin = as.character(packageVersion("coin"))
  ),
  share = lapply(inputs$share, share),
  ratio = lapply(inputs$ratio, ratio),
  difference = lapply(inputs$difference, difference),
  permutation = lapply(inputs$permutation, permutation),
  holm = lapply(inputs$holm, p.adjust, method = "holm")
)
write(toJSON(results, auto_unbox = TRUE, digits = 15, pretty = 1), paths[2])
