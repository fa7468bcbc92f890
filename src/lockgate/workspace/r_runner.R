# Runs a step that is an R file, inside the sandbox: Rscript --vanilla r_runner.R FILE [WORDS].
#
# R itself reads no Parquet, so tables come by way of the DuckDB that is beside it, and results leave by
# lockgate.outputs, with their evidence:
#
#   people <- lockgate_table("person")
#   years <- lockgate_sql("SELECT year(visit_start_date) AS year, count(*) AS n FROM visit_occurrence GROUP BY 1")
#   lockgate_output(years, 'by_year dimensions=year counts=n:visits title="Visits by year"')
#
# A whole number that R can't hold exactly (an id) comes as text. An error is told by its line.

local({
  words <- commandArgs(trailingOnly = TRUE)
  script <- words[1]

  bridge <- function(action, given) {
    asked <- tempfile(fileext = ".txt")
    answer <- tempfile(fileext = ".csv")
    on.exit(unlink(c(asked, answer)))
    writeLines(enc2utf8(given$text), asked, useBytes = TRUE)
    if (!is.null(given$frame)) utils::write.csv(given$frame, answer, row.names = FALSE, na = "", fileEncoding = "UTF-8")
    python <- Sys.getenv("LOCKGATE_PYTHON")
    program <- file.path(Sys.getenv("LOCKGATE_LIBRARY"), "r_bridge.py")
    code <- system2(python, shQuote(c("-s", program, action, asked, answer)))
    if (code != 0) stop("Lockgate could not do this; log.txt says why", call. = FALSE)
    if (action == "query") read(answer)
  }

  read <- function(file) {
    kinds <- strsplit(readLines(paste0(file, ".types")), "\t")[[1]]
    unlink(paste0(file, ".types"))
    held <- c(date = "Date", time = "character")
    frame <- utils::read.csv(
      file,
      colClasses = unname(ifelse(kinds %in% names(held), held[kinds], kinds)),
      na.strings = "\\N", check.names = FALSE, encoding = "UTF-8", stringsAsFactors = FALSE
    )
    for (at in which(kinds == "time")) frame[[at]] <- as.POSIXct(frame[[at]], tz = "UTC")
    frame
  }

  tools <- list(
    lockgate_sql = function(sql) bridge("query", list(text = sql)),
    lockgate_table = function(table) bridge("query", list(text = paste("SELECT * FROM", table))),
    lockgate_output = function(frame, what) invisible(bridge("output", list(text = what, frame = frame))),
    commandArgs = function(trailingOnly = FALSE) if (trailingOnly) words[-1] else c("Rscript", words)
  )
  attach(tools, name = "lockgate", warn.conflicts = FALSE)

  ended <- function(line, kind, condition) {
    message("Error: ", conditionMessage(condition))
    message("\nlockgate-r: line ", line, ": ", kind)
    quit(save = "no", status = 1)
  }
  parts <- tryCatch(parse(script, keep.source = TRUE, encoding = "UTF-8"), error = function(condition) {
    place <- regmatches(conditionMessage(condition), regexpr("[0-9]+(?=:[0-9]+:)", conditionMessage(condition), perl = TRUE))
    ended(if (length(place)) place else 1, "SyntaxError", condition)
  })
  lines <- vapply(attr(parts, "srcref"), function(part) part[1], integer(1))
  for (at in seq_along(parts)) {
    tryCatch({
      value <- withVisible(eval(parts[[at]], globalenv()))
      if (value$visible) print(value$value)
    }, error = function(condition) ended(lines[at], class(condition)[1], condition))
  }
})
