// The height of a score: the threshold always stands at the same place, whatever the model; both sides are linear.

export const THRESHOLD_AT = 0.6;

/** 0..1 for a score of 0..1. */
export function height(score, threshold) {
  if (score === null || score === undefined) return null;
  if (!(threshold > 0 && threshold < 1)) return score;
  return score <= threshold ? (score / threshold) * THRESHOLD_AT : THRESHOLD_AT + ((score - threshold) / (1 - threshold)) * (1 - THRESHOLD_AT);
}

/** The scores beside which a line is drawn. */
export const marksOf = (threshold) => (threshold > 0 && threshold < 1 ? [0, threshold / 2, threshold, (1 + threshold) / 2, 1] : [0, 0.5, 1]);
